import assert from "node:assert/strict";
import { delay, withDeadline } from "./deadline.ts";
import { UnavailableError } from "./errors.ts";

Deno.test("withDeadline() returns the value and leaves no timer", async () => {
  assert.equal(await withDeadline(Promise.resolve(1), 60_000, "Count"), 1);
});

Deno.test("withDeadline() rejects with what was not done", async () => {
  await assert.rejects(
    withDeadline(new Promise(() => {}), 1, "Count"),
    new UnavailableError("Count: not done within 1 ms"),
  );
});

Deno.test("withDeadline() and delay() reject with the signal's reason", async () => {
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  await assert.rejects(withDeadline(new Promise(() => {}), 60_000, "Count", signal), reason);
  await assert.rejects(delay(60_000, signal), reason);
});

Deno.test("withDeadline() does not count time in which this thread could not run", async () => {
  const come = Promise.withResolvers<string>();
  const waiting = withDeadline(come.promise, 600, "Count");
  setTimeout(() => come.resolve("in time"), 650);
  // Both timers are due when the thread gets to look at them.
  const until = performance.now() + 700;
  while (performance.now() < until);
  assert.equal(await waiting, "in time");
});

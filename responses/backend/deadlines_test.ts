import assert from "node:assert/strict";
import { Deadlines } from "./deadlines.ts";

const NEVER = new AbortController().signal;

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

Deno.test("deadlines pass one after the other, but for those that were met", async () => {
  using deadlines = new Deadlines(5);
  const [first, met, last] = [1, 2, 3].map(() => deadlines.start(NEVER));
  met?.met();
  for (const deadline of [first, last]) {
    await aborted(deadline?.signal ?? NEVER);
    assert.equal(deadline?.passed, true);
  }
  assert.deepEqual([met?.signal.aborted, met?.passed], [false, false]);
  const later = deadlines.start(NEVER);
  await aborted(later.signal);
});

Deno.test("what the caller gives up has not run out of time", async () => {
  using deadlines = new Deadlines(60_000);
  const leave = new AbortController();
  const [early, late] = [deadlines.start(leave.signal), deadlines.start(leave.signal)];
  // The answer has begun: it ends with the caller all the same.
  early.met();
  leave.abort("gone");
  for (const { signal, passed } of [early, late, deadlines.start(leave.signal)]) {
    await aborted(signal);
    assert.deepEqual([signal.reason, passed], ["gone", false]);
  }
});

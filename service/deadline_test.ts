import assert from "node:assert/strict";
import { delay, startDeadline, type Timers, withDeadline } from "./deadline.ts";
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

/** Timers of a thread whose time goes on by hand; one that is due while it stands still comes late. */
class HandTimers implements Timers {
  #time = 0;
  #due: { readonly at: number; readonly call: () => void } | undefined;

  now(): number {
    return this.#time;
  }

  after(ms: number, call: () => void): () => void {
    this.#due = { at: this.#time + ms, call };
    return () => this.#due = undefined;
  }

  /** The thread runs for `ms` milliseconds: each timer comes when it is due. */
  run(ms: number): void {
    const until = this.#time + ms;
    while (this.#due !== undefined && this.#due.at <= until) this.#call(this.#due.at);
    this.#time = until;
  }

  /** The thread stands still for `ms` milliseconds, and then finds the timer that was due meanwhile. */
  standStill(ms: number): void {
    this.#time += ms;
    if (this.#due !== undefined && this.#due.at <= this.#time) this.#call(this.#time);
  }

  #call(at: number): void {
    this.#time = at;
    const call = this.#due?.call;
    this.#due = undefined;
    call?.();
  }
}

Deno.test("startDeadline() does not count time in which this thread could not run", () => {
  const timers = new HandTimers();
  let calls = 0;
  using _ = startDeadline(600, () => calls++, timers);
  timers.standStill(700);
  assert.equal(calls, 0);
  timers.run(599);
  assert.equal(calls, 0);
  timers.run(1);
  assert.equal(calls, 1);
  timers.run(10_000);
  assert.equal(calls, 1);
});

Deno.test("startDeadline() ends after five times as long, however the thread stood still", () => {
  const timers = new HandTimers();
  let calls = 0;
  using _ = startDeadline(600, () => calls++, timers);
  timers.standStill(2_999);
  assert.equal(calls, 0);
  timers.run(250);
  assert.equal(calls, 1);
});

Deno.test("startDeadline() calls nobody once it is disposed", () => {
  const timers = new HandTimers();
  let calls = 0;
  startDeadline(600, () => calls++, timers)[Symbol.dispose]();
  timers.run(10_000);
  assert.equal(calls, 0);
});

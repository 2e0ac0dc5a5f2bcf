import assert from "node:assert/strict";
import { nextOrder, now } from "./clock.ts";
import type { Methods } from "./testdata/worker.ts";
import { startWorker } from "./worker.ts";

Deno.test("shareClock() gives threads one sequence and one clock, though the system's clock is set meanwhile", async () => {
  for (const step of [40, -3_600_000]) {
    using _ = steppedClock(step);
    using worker = startWorker<Methods>("service/testdata/worker.ts");
    const began = now();
    await worker.shareClock();
    // No reading of the other clock is further off than this.
    const uncertain = now() - began;
    const orders: number[] = [];
    for (let i = 0; i < 20; i++) {
      const before = now();
      orders.push(nextOrder());
      const there = await worker.call("stamp", undefined);
      orders.push(there.order, nextOrder());
      const after = now();
      assert.ok(before - uncertain <= there.at && there.at <= after + uncertain);
    }
    assert.deepEqual(orders, orders.toSorted((a, b) => a - b));
    assert.equal(new Set(orders).size, orders.length);
  }
});

/** This thread's view of a system clock that was set by `ms` after the thread had begun. */
function steppedClock(ms: number): Disposable {
  const value = performance.timeOrigin + ms;
  Object.defineProperty(performance, "timeOrigin", { value, configurable: true });
  return {
    [Symbol.dispose]: () => void Reflect.deleteProperty(performance, "timeOrigin"),
  };
}

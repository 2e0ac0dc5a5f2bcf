import assert from "node:assert/strict";
import { FairYield } from "./fair_yield.ts";

Deno.test("FairYield lets others run once its time is over, and then has time again", async () => {
  const fair = new FairYield();
  let others = 0;
  for (let round = 1; round <= 3; round++) {
    setImmediate(() => others++);
    let held: Promise<void> | undefined;
    while (held === undefined) held = fair.step();
    assert.equal(others, round - 1);
    await held;
    assert.equal(others, round);
  }
});

import assert from "node:assert/strict";
import { Turn } from "./turn.ts";

Deno.test("Turn lets others run once its time is over, and then has time again", async () => {
  const turn = new Turn();
  let others = 0;
  for (let round = 1; round <= 3; round++) {
    setImmediate(() => others++);
    let held: Promise<void> | undefined;
    while (held === undefined) held = turn.step();
    assert.equal(others, round - 1);
    await held;
    assert.equal(others, round);
  }
});

import assert from "node:assert/strict";
import { Budget, COST, WORTH } from "./budget.ts";

function spendUntilEmpty(budget: Budget, points: number): number {
  for (let times = 1;; times++) if (!budget.spend(points)) return times;
}

Deno.test("Budget lets two thousand resets pass at once, and two hundred a second after that", () => {
  let time = 0;
  const budget = new Budget(undefined, () => time);
  assert.equal(spendUntilEmpty(budget, COST.reset), 2001);
  time += 1000;
  assert.equal(spendUntilEmpty(budget, COST.reset), 200);
});

Deno.test("Budget: a ping for each answer is paid for by the answer, a reset of each is not", () => {
  const budget = new Budget(undefined, () => 0);
  for (let i = 0; i < 100_000; i++) {
    assert.ok(budget.spend(COST.ping));
    budget.earn(WORTH.data);
    budget.earn(WORTH.stream);
  }
  let calls = 0;
  do {
    budget.earn(WORTH.data);
    budget.earn(WORTH.stream);
    calls++;
  } while (budget.spend(COST.reset) && calls < 100_000);
  assert.ok(calls <= 5001, `${calls} calls`);
});

Deno.test("Budget counts what is held, and says when it is too much", () => {
  const budget = new Budget();
  assert.ok(budget.hold(48 * 1024 * 1024));
  assert.equal(budget.hold(1), false);
  assert.ok(budget.hold(-1));
});

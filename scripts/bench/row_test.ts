import assert from "node:assert/strict";
import { compare, median, quantile, renderRows } from "./row.ts";

Deno.test("median() takes the middle, or the mean of the two middles", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.throws(() => median([]), RangeError);
});

Deno.test("quantile() takes the nearest rank", () => {
  const values = Array.from({ length: 100 }, (_, index) => index + 1);
  assert.equal(quantile(values, 0.5), 50);
  assert.equal(quantile(values, 0.99), 99);
  assert.equal(quantile([7], 0.99), 7);
});

Deno.test("compare() measures both sides in turn and divides the medians", async () => {
  const order: string[] = [];
  const row = await compare(
    { name: "x", unit: "ms", runs: 2 },
    () => Promise.resolve(order.push("a") && 4),
    { name: "peer", measure: () => Promise.resolve(order.push("b") && 2) },
  );
  assert.deepEqual(order, ["a", "b", "a", "b"]);
  assert.equal(row.ratio, 2);
  assert.match(renderRows([row]), /x +4\.00 +ms +peer +2\.00 +2\.00 +2/);
});

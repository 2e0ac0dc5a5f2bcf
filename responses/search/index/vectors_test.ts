import assert from "node:assert/strict";
import { cosine, randomNumbers, randomVector } from "../testing.ts";
import { ONE, PAGE_BYTES, rowBytes } from "./kernel.ts";
import { toFixedPoint, VectorMemory, VectorRows } from "./vectors.ts";

const PAGES = 64;

for (const dimensions of [1, 3, 16, 17, 384, 1536, 3072]) {
  Deno.test(`rows of ${dimensions} dimensions score as the scalar product of their numbers`, () => {
    const random = randomNumbers(dimensions);
    const memory = new VectorMemory(PAGES * PAGE_BYTES);
    using rows = new VectorRows(memory, dimensions);
    const vectors = Array.from(
      { length: 50 },
      () => toFixedPoint(randomVector(random, dimensions)),
    );
    for (const vector of vectors) assert.ok(rows.push(vector));
    const query = toFixedPoint(randomVector(random, dimensions));
    const found: number[] = [];
    rows.score(query, (scores, first) => {
      assert.equal(first, found.length);
      found.push(...scores);
    });
    const expected = vectors.map((vector) =>
      vector.reduce((sum, value, at) => sum + value * (query[at] ?? 0), 0)
    );
    assert.deepEqual(found, expected);
  });
}

Deno.test("fixed point keeps the cosine to four digits, and the largest product fits", () => {
  const random = randomNumbers(1);
  for (let run = 0; run < 100; run++) {
    const [one, other] = [randomVector(random, 384), randomVector(random, 384)];
    const [a, b] = [toFixedPoint(one), toFixedPoint(other)];
    const product = a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
    assert.ok(Math.abs(product / ONE ** 2 - cosine(one, other)) < 1e-4);
  }
  const memory = new VectorMemory(PAGES * PAGE_BYTES);
  using rows = new VectorRows(memory, 384);
  const flat = toFixedPoint(new Float32Array(384).fill(1));
  rows.push(flat);
  rows.score(flat, ([score]) => assert.ok(Math.abs((score ?? 0) / ONE ** 2 - 1) < 1e-3));
});

Deno.test("a vector of zeros, or of what is no number, is zero and like nothing", () => {
  assert.deepEqual([...toFixedPoint([0, 0])], [0, 0]);
  assert.deepEqual([...toFixedPoint([NaN, 1])], [0, 0]);
  assert.deepEqual([...toFixedPoint([3, 4])], [0.6 * ONE, 0.8 * ONE].map(Math.round));
});

Deno.test("rows say when the memory is full, and give their pages back", () => {
  const memory = new VectorMemory(3 * PAGE_BYTES);
  const perPage = PAGE_BYTES / rowBytes(384);
  const vector = toFixedPoint(new Float32Array(384).fill(1));
  const fill = (rows: VectorRows) => {
    while (rows.push(vector));
    return rows.count;
  };
  const first = new VectorRows(memory, 384);
  assert.equal(fill(first), 3 * Math.floor(perPage));
  assert.equal(memory.usedBytes, 3 * PAGE_BYTES);
  using second = new VectorRows(memory, 384);
  assert.equal(fill(second), 0);
  first[Symbol.dispose]();
  assert.equal(memory.usedBytes, 0);
  assert.equal(fill(second), 3 * Math.floor(perPage));
});

Deno.test("vectors that a page cannot hold are refused by their size", () => {
  const memory = new VectorMemory(PAGE_BYTES);
  assert.throws(() => new VectorRows(memory, 0), /vectors of 0 dimensions: 1 to 32768/);
  assert.throws(() => new VectorRows(memory, 40_000), RangeError);
});

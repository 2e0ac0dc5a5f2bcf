import assert from "node:assert/strict";
import { MarkCounter, tallyOf } from "./paced_streams.ts";

Deno.test("MarkCounter counts a mark wherever the stream is cut, and none twice", () => {
  const bytes = new TextEncoder().encode("data: ä\n\ndata: data\n\ndata: ");
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const counter = new MarkCounter("data: ");
      const pieces = [bytes.slice(0, first), bytes.slice(first, second), bytes.slice(second)];
      const counts = pieces.map((piece) => counter.push(piece));
      assert.equal(counts.reduce((sum, count) => sum + count), 3, `cut at ${first} and ${second}`);
    }
  }
  const single = new MarkCounter("x");
  assert.deepEqual(["xx", "", "x"].map((text) => single.push(new TextEncoder().encode(text))), [
    2,
    0,
    1,
  ]);
});

Deno.test("tallyOf() tells streams that were refused, broken off, lossy and late", () => {
  const { lateness, ...counts } = tallyOf([
    { status: 200, arrivals: [0, 100, 200], complete: true },
    { status: 200, arrivals: [0, 180, 280], complete: true },
    { status: 200, arrivals: [5], complete: false },
    { status: 503, arrivals: [], complete: true },
  ], { events: 3, paceMs: 100, lateMs: 50 });
  assert.deepEqual(counts, { refused: 1, broken: 1, lost: 5, late: 1 });
  assert.deepEqual(lateness, [0, 0, 80, 0]);
});

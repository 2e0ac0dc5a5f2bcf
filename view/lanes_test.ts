import assert from "node:assert/strict";
import { jsx } from "hono/jsx";
import { type Create, drawLanes, sayMs } from "./mod.ts";

const draw = (
  ...given: Parameters<typeof drawLanes> extends [unknown, ...infer Rest] ? Rest : never
) => String(drawLanes(jsx as unknown as Create<string>, ...given));

Deno.test("drawLanes() has a mark for each event, and says what it shows", () => {
  const drawn = draw([{ name: "upstream", from: 0, to: 10, marks: [2, 5] }]);
  assert.match(drawn, /aria-label="upstream from 0 ms to 10 ms, 2 events"/);
  assert.equal(drawn.match(/class="mark c-upstream"/g)?.length, 2);
});

Deno.test("drawLanes() shows the marks of its window alone, and a span that reaches into it", () => {
  const drawn = draw([{ name: "upstream", from: 0, to: 10, marks: [2, 5] }], { from: 4, to: 8 });
  assert.equal(drawn.match(/class="mark/g)?.length, 1);
  assert.match(drawn, /<rect class="span c-upstream" x="0" y="5" width="1000"/);
});

Deno.test("drawLanes() lets no name out of its place", () => {
  assert.ok(!draw([{ name: "<img src=x>", from: 0, to: 1 }]).includes("<img"));
});

Deno.test("sayMs() is short, and exact where it matters", () => {
  assert.deepEqual([0.42, 3.14, 17, 606.4, 2_500, 61_000].map(sayMs), [
    "0.42 ms",
    "3.1 ms",
    "17 ms",
    "606 ms",
    "2.50 s",
    "61.0 s",
  ]);
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { Best } from "./best.ts";
import { FullText } from "./full_text.ts";
import { fuse } from "./fusion.ts";
import { termsOf } from "./terms.ts";

Deno.test("Best keeps what sorting the whole list would put first", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 50 })),
      fc.integer({ min: 1, max: 20 }),
      (scores, limit) => {
        const best = new Best(limit);
        scores.forEach((score, key) => best.offer(key, score));
        const sorted = scores.toSorted((a, b) => b - a).slice(0, limit);
        assert.deepEqual(best.ranking().map(({ score }) => score), sorted);
      },
    ),
  );
});

Deno.test("fusion: what both rankings know comes first, and first in both is 1", () => {
  const fused = fuse([
    { weight: 1, keys: [7, 8, 9] },
    { weight: 1, keys: [7, 9, 5] },
  ]);
  assert.deepEqual(fused.map(({ key }) => key), [7, 9, 8, 5]);
  assert.equal(fused[0]?.score, 1);
  assert.ok(fused.every(({ score }) => score > 0 && score <= 1));
});

Deno.test("fusion: a weight of 0 takes a ranking out", () => {
  const fused = fuse([{ weight: 0, keys: [1] }, { weight: 0.5, keys: [2, 3] }]);
  assert.deepEqual(fused.map(({ key }) => key), [2, 3]);
  assert.equal(fused[0]?.score, 1);
  assert.ok(Math.abs((fused[1]?.score ?? 0) - 61 / 62) < 1e-9);
});

Deno.test("words are found without case and accents, and one by one where there are no spaces", () => {
  assert.deepEqual(termsOf("Crème BRÛLÉE, x-tenant 42!"), ["creme", "brulee", "x", "tenant", "42"]);
  assert.deepEqual(termsOf("向量 search"), ["向", "量", "search"]);
});

function fullTextOf(texts: readonly string[]): FullText {
  const words = new FullText();
  words.add(texts);
  return words;
}

const rankingOf = (words: FullText, text: string) => [...words.ranking(text)];

Deno.test("full text: rare words weigh more, long documents less, and who holds none is not there", () => {
  const filler = "filler ".repeat(50);
  using words = fullTextOf(["common", `fox ${filler}`, "common", "FOX! common", "sky", filler]);
  assert.deepEqual(rankingOf(words, "Fox common"), [3, 1, 0, 2]);
  assert.deepEqual(rankingOf(words, "nobody said it"), []);
  assert.deepEqual(rankingOf(words, '"-*:^ …'), []);
});

Deno.test("full text: words are text whatever they mean to a query, and there may be thousands", () => {
  using words = fullTextOf(["not near and or", "sky", "crème 向量 brûlée"]);
  assert.deepEqual(rankingOf(words, 'NOT NEAR(a b) "OR" text: {x} ^c*'), [0]);
  assert.deepEqual(rankingOf(words, "量"), [2]);
  assert.deepEqual(rankingOf(words, "BRULEE"), [2]);
  const many = Array.from({ length: 5_000 }, (_, at) => `word${at}`).join(" ");
  assert.deepEqual(rankingOf(words, `${many} sky`), [1]);
});

Deno.test("full text: removed documents are not found, and do not make a word common", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, fc.boolean()), { maxLength: 100 }), (documents) => {
      const texts = documents.map(([words]) => words.join(" "));
      const kept = [...documents.keys()].filter((at) => documents[at]?.[1]);
      const gone = [...documents.keys()].filter((at) => !documents[at]?.[1]);
      using all = fullTextOf(texts);
      using fresh = fullTextOf(kept.map((at) => texts[at] ?? ""));
      all.remove(gone);
      const expected = rankingOf(fresh, "a c");
      assert.deepEqual(rankingOf(all, "a c"), expected.map((at) => kept[at]));
      all.renumber(kept);
      assert.deepEqual(rankingOf(all, "a c"), expected);
      all.add(["c c c d"]);
      fresh.add(["c c c d"]);
      assert.deepEqual(rankingOf(all, "a c"), rankingOf(fresh, "a c"));
    }),
    { numRuns: 50 },
  );
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { Best } from "./best.ts";
import { fuse } from "./fusion.ts";
import { Postings } from "./postings.ts";
import { termKeys, termsOf } from "./terms.ts";

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

Deno.test("words as numbers: ASCII is read as all else is, long words are cut alike, numbers differ", () => {
  const word = fc.oneof(
    fc.string({ unit: "grapheme-ascii" }),
    fc.constantFrom("X".repeat(70), "x".repeat(64)),
  );
  fc.assert(fc.property(fc.array(word), (words) => {
    const text = words.join(" ");
    // A character that is no word itself sends the text the other way.
    assert.deepEqual(termKeys(text), termKeys(`${text} \u2026`));
    assert.equal(termKeys(text).length, termsOf(text).length);
  }));
  const many = termKeys(Array.from({ length: 10_000 }, (_, at) => `word${at}`).join(" "));
  assert.ok(new Set(many).size > 9_990);
});

function postingsOf(texts: readonly string[]): Postings {
  const postings = new Postings();
  for (const text of texts) postings.push(termKeys(text));
  return postings;
}

Deno.test("BM25 by hand: two documents of three words, one holds the term twice", () => {
  const scores = postingsOf(["red red fox", "blue sky now"]).scores(termKeys("red"));
  const idf = Math.log(1 + 1.5 / 1.5);
  assert.ok(Math.abs((scores[0] ?? 0) - idf * (2 * 2.2) / (2 + 1.2)) < 1e-6);
  assert.equal(scores[1], 0);
});

Deno.test("BM25: rare terms weigh more, long documents less", () => {
  const texts = ["fox common", "common", "common", `fox ${"filler ".repeat(50)}`];
  const scores = postingsOf(texts).scores(termKeys("fox common"));
  assert.ok((scores[0] ?? 0) > (scores[3] ?? 0));
  assert.ok((scores[3] ?? 0) > 0);
  assert.ok((scores[0] ?? 0) > (scores[1] ?? 0));
});

Deno.test("postings without removed documents score as if these had never been", () => {
  const words = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(fc.tuple(words, fc.boolean()), { maxLength: 300 }), (documents) => {
      const all = new Postings();
      const renamed = new Int32Array(documents.length).fill(-1);
      const kept = new Postings();
      let next = 0;
      documents.forEach(([terms, keep], ordinal) => {
        all.push(termKeys(terms.join(" ")));
        if (!keep) return;
        renamed[ordinal] = next++;
        kept.push(termKeys(terms.join(" ")));
      });
      documents.forEach(([, keep], ordinal) => keep || all.remove(ordinal));
      const compacted = all.compacted(renamed);
      assert.deepEqual(compacted.scores(termKeys("a c")), kept.scores(termKeys("a c")));
      assert.ok(compacted.usedBytes <= all.usedBytes);
    }),
    { numRuns: 50 },
  );
});

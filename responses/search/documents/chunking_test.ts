import assert from "node:assert/strict";
import fc from "fast-check";
import { AUTO_CHUNKING, chunksOf, joinChunks } from "./chunking.ts";
import { countTokens, piecesOf } from "./tokens.ts";

const words = (count: number) =>
  Array.from({ length: count }, (_, at) => `word${at % 10}`).join(" ");

Deno.test("auto: chunks of at most 800 tokens that share at most 400, to the end of the text", () => {
  const text = words(3_000);
  const chunks = chunksOf(text, AUTO_CHUNKING);
  assert.ok(chunks.length > 3);
  for (const [at, { start, end }] of chunks.entries()) {
    const tokens = countTokens(text.slice(start, end));
    assert.ok(tokens <= 800, `${tokens}`);
    const previous = chunks[at - 1];
    if (previous === undefined) continue;
    const shared = countTokens(text.slice(start, previous.end));
    assert.ok(shared <= 400 && shared > 380, `${shared}`);
  }
  assert.equal(chunks[0]?.start, 0);
  assert.equal(chunks.at(-1)?.end, text.length);
});

Deno.test("a short text is one chunk, white space is none, and no overlap is no overlap", () => {
  assert.deepEqual(chunksOf("Hello there.", AUTO_CHUNKING), [{ start: 0, end: 12 }]);
  assert.deepEqual(chunksOf(" \n\t ", AUTO_CHUNKING), []);
  assert.deepEqual(chunksOf("", AUTO_CHUNKING), []);
  const chunks = chunksOf(words(500), { maxTokens: 100, overlapTokens: 0 });
  chunks.reduce((before, next) => {
    assert.equal(next.start, before.end);
    return next;
  });
});

Deno.test("whatever the text, chunks cover it within their size, and joined they are the text", () => {
  const text = fc.array(
    fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("word ", "\n\n", "漢字", "1234567", "x".repeat(300)),
    ),
  )
    .map((parts) => parts.join(""));
  const chunking = fc.record({
    maxTokens: fc.integer({ min: 100, max: 300 }),
    overlapTokens: fc.integer({ min: 0, max: 50 }),
  });
  fc.assert(fc.property(text, chunking, (text, chunking) => {
    const chunks = chunksOf(text, chunking).map(({ start, end }) => ({
      start,
      text: text.slice(start, end),
    }));
    for (const chunk of chunks) assert.ok(countTokens(chunk.text) <= chunking.maxTokens + 1);
    const joined = joinChunks(chunks);
    assert.equal(joined.trim(), text.trim());
  }));
});

Deno.test("pieces cover a text without gaps", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    let end = 0;
    for (const piece of piecesOf(text)) {
      assert.equal(piece.start, end);
      assert.ok(piece.tokens >= 1);
      end = piece.end;
    }
    assert.equal(end, text.length);
  }));
});

Deno.test("tokens: English is about four characters each, Chinese one", () => {
  assert.equal(countTokens("The gateway streams every event."), 6);
  assert.equal(countTokens("限速审查"), 4);
  assert.equal(countTokens("1234567"), 3);
});

Deno.test("a file of more than five million tokens is refused", () => {
  assert.throws(
    () => chunksOf("漢".repeat(5_000_001), AUTO_CHUNKING),
    /more than 5,000,000 tokens/,
  );
});

import assert from "node:assert/strict";
import { parseSse, SseParser } from "../../openai/mod.ts";
import { SSE_VECTORS, writesOf } from "./mod.ts";

function whole(writes: Uint8Array[]): Uint8Array {
  return Uint8Array.from(writes.flatMap((write) => [...write]));
}

Deno.test("SSE_VECTORS have unique names", () => {
  const names = SSE_VECTORS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});

for (const vector of SSE_VECTORS) {
  const expected = vector.events.map(({ data, event = "message", id = "" }) => ({
    data,
    event,
    id,
  }));
  const stream = whole(writesOf(vector));

  Deno.test(`SseParser reads the vector ${vector.name} as written and byte by byte`, () => {
    const seen = parseSse(stream).events.map(({ data, type, id }) => ({ data, event: type, id }));
    assert.deepEqual(seen, expected);
    const parser = new SseParser();
    const items = [...stream].flatMap((byte) => parser.push(Uint8Array.of(byte)));
    const slow = items.filter((item) => item.kind === "event");
    assert.deepEqual(slow.map(({ data, type, id }) => ({ data, event: type, id })), expected);
    if (vector.comments) {
      const comments = items.filter((item) => item.kind === "comment").map(({ text }) => text);
      assert.deepEqual(comments, vector.comments);
    }
  });
}

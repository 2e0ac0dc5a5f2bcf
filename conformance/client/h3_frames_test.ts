import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { frame, FrameReader, H3_FRAME, H3FrameError, readVarint, varint } from "./h3_frames.ts";

/** Everything that a reader finds in bytes which come in the given pieces. */
function framesOf(pieces: Iterable<Uint8Array>): { body: string; frames: [number, string][] } {
  const found = { body: "", frames: [] as [number, string][] };
  const reader = new FrameReader({
    data: (bytes) => found.body += Buffer.from(bytes).toString(),
    frame: (type, payload) => found.frames.push([type, Buffer.from(payload).toString()]),
  });
  for (const piece of pieces) reader.push(piece);
  reader.finish();
  return found;
}

Deno.test.each([
  { value: 494878333, hex: "9d7f3e7d" },
  { value: 15293, hex: "7bbd" },
  { value: 37, hex: "25" },
])("readVarint() reads $hex, an example of RFC 9000 A.1, and no part of it", ({ value, hex }) => {
  const bytes = Buffer.from(hex, "hex");
  assert.deepEqual(readVarint(bytes), { value, length: bytes.length });
  for (let cut = 0; cut < bytes.length; cut++) {
    assert.equal(readVarint(bytes.subarray(0, cut)), undefined);
  }
});

Deno.test("varint() writes the shortest form, on both sides of each border", () => {
  const lengths = [0, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, 2 ** 52];
  const written = lengths.map((value) => [varint(value).length, readVarint(varint(value))?.value]);
  assert.deepEqual(
    written,
    lengths.map((value, n) => [[1, 1, 2, 2, 4, 4, 8, 8][n], value]),
  );
});

const STREAM = Buffer.concat([
  frame(H3_FRAME.headers, Buffer.from("head")),
  frame(0x21, Buffer.from("unknown types are greased")),
  frame(H3_FRAME.data, Buffer.from("one")),
  frame(H3_FRAME.data, Buffer.alloc(0)),
  frame(H3_FRAME.data, Buffer.from("-two".repeat(50))),
  frame(H3_FRAME.headers, Buffer.from("trailers")),
]);

Deno.test("FrameReader finds the same in any pieces, torn at each byte", () => {
  const whole = framesOf([STREAM]);
  assert.equal(whole.body, `one${"-two".repeat(50)}`);
  assert.deepEqual(whole.frames.map(([type]) => type), [1, 0x21, 1]);
  for (let cut = 1; cut < STREAM.length; cut++) {
    assert.deepEqual(framesOf([STREAM.subarray(0, cut), STREAM.subarray(cut)]), whole);
  }
  assert.deepEqual(framesOf(Array.from(STREAM, (byte) => Uint8Array.of(byte))), whole);
});

Deno.test("FrameReader gives a body's bytes before its frame is whole", () => {
  const seen: string[] = [];
  const reader = new FrameReader({
    data: (bytes) => seen.push(Buffer.from(bytes).toString()),
    frame: () => {},
  });
  const long = frame(H3_FRAME.data, Buffer.from("data: one\n\ndata: two\n\n"));
  reader.push(long.subarray(0, 13));
  assert.deepEqual(seen, ["data: one\n\n"]);
  assert.throws(() => reader.finish(), H3FrameError);
});

Deno.test("FrameReader refuses frames of HTTP/2, and a head beyond any measure", () => {
  assert.throws(() => framesOf([frame(0x6, new Uint8Array(8))]), H3FrameError);
  assert.throws(() => framesOf([Buffer.concat([varint(1), varint(2 ** 40)])]), H3FrameError);
});

Deno.test("FrameReader refuses an end inside a frame, wherever it is", () => {
  const bytes = frame(H3_FRAME.headers, Buffer.from("head"));
  for (let cut = 1; cut < bytes.length; cut++) {
    assert.throws(() => framesOf([bytes.subarray(0, cut)]), H3FrameError);
  }
});

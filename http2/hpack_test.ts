import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeHuffman, encodeHeaders, HpackDecoder } from "./hpack.ts";

function hex(text: string): Uint8Array {
  return new Uint8Array(
    (text.replaceAll(" ", "").match(/../g) ?? []).map((two) => parseInt(two, 16)),
  );
}

/** RFC 7541, appendix C.4: three requests on one connection, with Huffman and the dynamic table. */
Deno.test("HpackDecoder decodes the requests of RFC 7541 C.4, each with the table of those before", () => {
  const decoder = new HpackDecoder();
  const first = [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ];
  assert.deepEqual(decoder.decode(hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff")), first);
  assert.deepEqual(decoder.decode(hex("8286 84be 5886 a8eb 1064 9cbf")), [
    ...first,
    ["cache-control", "no-cache"],
  ]);
  assert.deepEqual(
    decoder.decode(hex("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf")),
    [
      [":method", "GET"],
      [":scheme", "https"],
      [":path", "/index.html"],
      [":authority", "www.example.com"],
      ["custom-key", "custom-value"],
    ],
  );
});

/** RFC 7541, appendix C.6: a table of 256 bytes, in which entries are evicted. */
Deno.test("HpackDecoder evicts as in RFC 7541 C.6", () => {
  const decoder = new HpackDecoder();
  // A table size update to 256 comes first, as the RFC's example presumes.
  const head = decoder.decode(hex(
    "3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff" +
      "6e91 9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3",
  ));
  assert.deepEqual(head[0], [":status", "302"]);
  assert.deepEqual(head[3], ["location", "https://www.example.com"]);
  assert.deepEqual(decoder.decode(hex("4883 640e ffc1 c0bf"))[0], [":status", "307"]);
});

Deno.test("HpackDecoder reads back what encodeHeaders() wrote", () => {
  const text = fc.string({
    unit: fc.integer({ min: 32, max: 255 }).map((c) => String.fromCharCode(c)),
  });
  fc.assert(fc.property(fc.array(fc.tuple(text, text)), (list) => {
    assert.deepEqual(new HpackDecoder().decode(encodeHeaders(list)), list);
  }));
});

Deno.test("HpackDecoder refuses with a TypeError or decodes, whatever the bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (block) => {
    try {
      new HpackDecoder().decode(block);
    } catch (error) {
      assert.ok(error instanceof TypeError, String(error));
    }
  }));
});

Deno.test("HpackDecoder refuses a list that grows beyond its limit", () => {
  const decoder = new HpackDecoder();
  const field = encodeHeaders([["x-big", "v".repeat(3000)]]);
  // As a literal that is remembered (first byte 0x40), then asked for by its index again and again.
  const block = new Uint8Array([0x40, ...field.slice(1), ...new Array<number>(60).fill(0xbe)]);
  assert.throws(() => decoder.decode(block), /too many/);
});

Deno.test("decodeHuffman() refuses EOS and wrong padding", () => {
  assert.throws(() => decodeHuffman(hex("ffffffff")), TypeError);
  assert.throws(() => decodeHuffman(hex("f1e3c2e5f23a6ba0ab90f400")), TypeError);
});

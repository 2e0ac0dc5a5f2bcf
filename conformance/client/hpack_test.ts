import assert from "node:assert/strict";
import { HeaderCodingError } from "./header_coding.ts";
import { encodeHeaders, HpackDecoder } from "./hpack.ts";

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/\s/g, "").match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

Deno.test("HpackDecoder reads the request examples of RFC 7541 C.4: Huffman and the dynamic table", () => {
  const decoder = new HpackDecoder();
  const first = decoder.decode(hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"));
  assert.deepEqual(first, [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ]);
  const second = decoder.decode(hex("8286 84be 5886 a8eb 1064 9cbf"));
  assert.deepEqual(second.at(-1), ["cache-control", "no-cache"]);
  const third = decoder.decode(
    hex("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"),
  );
  assert.deepEqual(third, [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ]);
});

Deno.test("HpackDecoder reads what encodeHeaders() writes, long and odd values too", () => {
  const headers: [string, string][] = [
    ["x-long", "y".repeat(70_000)],
    ["x-odd", "a\r\nb\0\xff"],
    ["", ""],
  ];
  assert.deepEqual(new HpackDecoder().decode(encodeHeaders(headers)), headers);
});

Deno.test("HpackDecoder refuses an index that is not there, and a block that is cut", () => {
  assert.throws(() => new HpackDecoder().decode(hex("ff00")), HeaderCodingError);
  assert.throws(() => new HpackDecoder().decode(hex("418c f1e3")), HeaderCodingError);
});

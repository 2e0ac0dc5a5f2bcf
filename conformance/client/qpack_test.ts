import assert from "node:assert/strict";
import { HeaderCodingError } from "./header_coding.ts";
import { decodeFields, encodeFields } from "./qpack.ts";

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/\s/g, "").match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

Deno.test("decodeFields() reads the example of RFC 9204 B.1: a literal with a static name", () => {
  assert.deepEqual(decodeFields(hex("0000 510b 2f69 6e64 6578 2e68 746d 6c")), [
    [":path", "/index.html"],
  ]);
});

Deno.test.each([
  { name: "B.2", section: "0381 10 11" },
  { name: "B.4", section: "0500 80 c1 81" },
])(
  "decodeFields() refuses the example of RFC 9204 $name, which needs a dynamic table",
  ({ section }) => {
    assert.throws(() => decodeFields(hex(section)), HeaderCodingError);
  },
);

Deno.test("decodeFields() reads static fields, names and values of Huffman's code, and literals", () => {
  assert.deepEqual(decodeFields(hex("0000 d9 f5 ff23")), [
    [":status", "200"],
    ["content-type", "text/plain"],
    ["x-frame-options", "sameorigin"],
  ]);
  // "custom-key" and "custom-value", coded as in RFC 7541 C.4.3.
  assert.deepEqual(decodeFields(hex("0000 2f01 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf")), [
    ["custom-key", "custom-value"],
  ]);
});

Deno.test("decodeFields() reads what encodeFields() writes, long and odd values too", () => {
  const fields: [string, string][] = [
    [":path", "/v1/models"],
    ["x-long", "y".repeat(70_000)],
    ["x-odd", "a\r\nb\0\xff"],
    ["", ""],
  ];
  assert.deepEqual(decodeFields(encodeFields(fields)), fields);
});

Deno.test.each([
  { what: "an index beyond the static table", section: "0000 ff24" },
  { what: "a dynamic index", section: "0000 80" },
  { what: "a dynamic name", section: "0000 40 0161" },
  { what: "an index after the base", section: "0000 10" },
  { what: "a name after the base", section: "0000 00 0161" },
  { what: "a string beyond the end", section: "0000 510b 2f69" },
  { what: "no prefix", section: "00" },
])("decodeFields() refuses $what", ({ section }) => {
  assert.throws(() => decodeFields(hex(section)), HeaderCodingError);
});

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { brotliCompressSync, deflateSync, gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { type RawBody, readBody } from "./request_model.ts";

const LIMIT = 100_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function read(body: string | Uint8Array, headers: Partial<RawBody> = {}) {
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  return readBody(
    { bytes, contentType: "application/json", contentEncoding: undefined, ...headers },
    LIMIT,
  );
}

function readable(...args: Parameters<typeof read>) {
  const body = read(...args);
  assert.equal(body.kind, "read");
  return body as Extract<typeof body, { kind: "read" }>;
}

/** JSON as some client might write it: its own spaces, escapes and order, the model anywhere. */
const spaces = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
const name = fc.string({ unit: "binary", minLength: 1, maxLength: 12 });
const value = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
  fc.constantFrom('{"model":"inner"}', '["model","}"]', '"\\\\"', '"\\"}"', "1e0", "-0.0", "null"),
);
const member = fc.tuple(spaces, fc.string({ unit: "binary" }), spaces, spaces, value, spaces)
  .filter(([, key]) => key !== "model")
  .map(([a, key, b, c, text, d]) => `${a}${JSON.stringify(key)}${b}:${c}${text}${d}`);

Deno.test("renamed() changes the model's name in a JSON body and not one other byte", () => {
  fc.assert(fc.property(
    fc.array(member, { maxLength: 4 }),
    fc.array(member, { maxLength: 4 }),
    name,
    name,
    fc.constantFrom('"model"', '"mod\\u0065l"', '"\\u006dodel"'),
    spaces,
    (before, after, from, to, key, space) => {
      const open = `${space}{${[...before, ""].join(",")}${space}${key}${space}:${space}`;
      const close = `${space}${["", ...after].join(",")}}${space}`;
      const body = readable(open + JSON.stringify(from) + close);
      assert.equal(body.model, from);
      assert.equal(decoder.decode(body.renamed(to)), open + JSON.stringify(to) + close);
      assert.equal(decoder.decode(body.renamed(from)), open + JSON.stringify(from) + close);
    },
  ));
});

Deno.test("readBody() never throws, whatever the bytes are", () => {
  const part = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("--b", "--b--", "\r\n", "\r\n\r\n", '{"model":', '"m"}', "--b\r\n"),
    fc.constant('Content-Disposition: form-data; name="model"'),
  );
  fc.assert(fc.property(
    fc.array(part).map((parts) => parts.join("")),
    fc.constantFrom("application/json", "multipart/form-data; boundary=b"),
    fc.constantFrom(undefined, "gzip", "br", "deflate"),
    (body, contentType, contentEncoding) => {
      assert.ok(["read", "unread"].includes(read(body, { contentType, contentEncoding }).kind));
    },
  ));
});

const UNREAD = [
  { body: "", code: "invalid_json" },
  { body: "{", code: "invalid_json" },
  { body: "[1]", code: "invalid_json" },
  { body: "null", code: "invalid_json" },
  { body: new Uint8Array([0x7b, 0xff, 0x7d]), code: "invalid_json" },
  { body: '{"model":"a","model":"b"}', code: "invalid_json" },
  { body: '{"model":"a","mod\\u0065l":"a"}', code: "invalid_json" },
  { body: "{}", code: "missing_model" },
  { body: '{"model":7}', code: "missing_model" },
  { body: '{"model":""}', code: "missing_model" },
  { body: '{"inner":{"model":"a"}}', code: "missing_model" },
];

Deno.test("readBody() says what is wrong with a JSON body", () => {
  for (const { body, code } of UNREAD) {
    assert.partialDeepStrictEqual(read(body), { kind: "unread", code }, String(body));
  }
});

Deno.test("a long body is looked through as a short one is read", () => {
  const pad = `"messages":["${String.raw`\"x`.repeat(400_000)}"]`;
  assert.ok(pad.length > 1_048_576);
  const long = readable(`\ufeff { ${pad}, "previous_response_id": "r", "mod\\u0065l" :"a" }`);
  assert.equal(long.model, "a");
  assert.equal(long.members["previous_response_id"], "r");
  assert.ok(decoder.decode(long.renamed("bc")).endsWith('"mod\\u0065l" :"bc" }'));
  for (
    const [body, code] of [
      [`{${pad},"model":"a","model":"a"}`, "invalid_json"],
      [`{${pad}}`, "missing_model"],
      [`{${pad},"model":7}`, "missing_model"],
      [`{${pad},"model":x}`, "invalid_json"],
      [`[${pad}]`, "invalid_json"],
      [pad, "invalid_json"],
    ] as const
  ) {
    assert.partialDeepStrictEqual(read(body), { kind: "unread", code });
  }
});

Deno.test("a byte order mark stands before a JSON body, and stays there", () => {
  const body = readable('\ufeff{"model":"a"}');
  assert.equal(Buffer.from(body.renamed("bc")).toString(), '\ufeff{"model":"bc"}');
});

const FORM = { contentType: 'multipart/form-data; charset=utf-8; boundary="b b"' };
const file = 'Content-Disposition: form-data; name="model"; filename="model"\r\n\r\n\x00--b\r\nx';
const text =
  "content-type: text/plain\r\ncontent-disposition: form-data; name=model\r\n\r\nwhisper-1";
const form = (...parts: string[]) =>
  `${parts.map((part) => `--b b\r\n${part}\r\n`).join("")}--b b--\r\n`;

Deno.test("a form's model is its text field, and can be renamed alone", () => {
  const body = readable(form(file, text), FORM);
  assert.equal(body.model, "whisper-1");
  assert.equal(
    decoder.decode(body.renamed("large")),
    form(file, text.replace("whisper-1", "large")),
  );
  assert.equal(readable(`preamble\r\n${form(text)}epilogue`, FORM).model, "whisper-1");
});

const UNREAD_FORMS = [
  { body: form(file), code: "missing_model" },
  { body: form('Content-Disposition: form-data; name="model"\r\n\r\n'), code: "missing_model" },
  { body: form(text, text), code: "invalid_form" },
  { body: form(text).replace("--b b--", "--b b"), code: "invalid_form" },
  { body: form(text).replace("--b b\r\n", "--b bc\r\n"), code: "invalid_form" },
  { body: "no part at all", code: "invalid_form" },
  { body: "", code: "invalid_form" },
];

Deno.test("readBody() says what is wrong with a form", () => {
  for (const { body, code } of UNREAD_FORMS) {
    assert.partialDeepStrictEqual(read(body, FORM), { kind: "unread", code }, body);
  }
});

Deno.test("a compressed body is read, and renamed under its own coding", () => {
  for (
    const [contentEncoding, pack] of [
      ["gzip", gzipSync],
      ["X-GZIP", gzipSync],
      ["deflate", deflateSync],
      ["br", brotliCompressSync],
    ] as const
  ) {
    const packed = new Uint8Array(pack('{ "model": "a" }'));
    const body = readable(packed, { contentEncoding });
    assert.equal(body.model, "a");
    assert.equal(body.renamed("a"), packed);
    const again = readable(body.renamed("b"), { contentEncoding });
    assert.equal(again.model, "b");
  }
  const packed = readable(gzipSync('{ "model": "a" }'), { contentEncoding: "gzip" });
  assert.equal(gunzipSync(packed.renamed("b")).toString(), '{ "model": "b" }');
});

Deno.test("a compressed body is unpacked to the limit and no further", () => {
  const bomb = `{"model":"a","pad":"${" ".repeat(LIMIT)}"}`;
  for (const [contentEncoding, pack] of [["gzip", gzipSync], ["br", brotliCompressSync]] as const) {
    const body = read(pack(bomb), { contentEncoding });
    assert.partialDeepStrictEqual(body, { kind: "unread", code: "request_too_large" });
  }
});

Deno.test("a body that is not what its coding says, or of a coding that nobody knows, is refused", () => {
  for (
    const [contentEncoding, code] of [
      ["gzip", "invalid_encoding"],
      ["deflate", "invalid_encoding"],
      ["zstd", "unsupported_encoding"],
      ["gzip, br", "unsupported_encoding"],
    ] as const
  ) {
    const body = read('{"model":"a"}', { contentEncoding });
    assert.partialDeepStrictEqual(body, { kind: "unread", code }, contentEncoding);
  }
  assert.equal(readable('{"model":"a"}', { contentEncoding: " Identity " }).model, "a");
});

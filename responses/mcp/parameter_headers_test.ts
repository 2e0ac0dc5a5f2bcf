import assert from "node:assert/strict";
import { headersOfCall, headerValue, parameterHeadersOf } from "./parameter_headers.ts";

const text = (header: string) => ({ type: "string", "x-mcp-header": header });

Deno.test("headersOfCall() mirrors the annotated arguments, nested ones too, and no others", () => {
  const headers = parameterHeadersOf({
    type: "object",
    properties: {
      region: text("Region"),
      query: { type: "string", default: { "x-mcp-header": "data, not a schema" } },
      "x-mcp-header": { type: "string" },
      limits: {
        type: "object",
        properties: {
          rows: { type: "integer", "x-mcp-header": "Rows" },
          strict: { type: "boolean", "x-mcp-header": "Strict" },
        },
      },
    },
  });
  assert.deepEqual(
    headersOfCall(headers, { region: "north", query: "q", limits: { rows: 3, strict: false } }),
    { "mcp-param-Region": "north", "mcp-param-Rows": "3", "mcp-param-Strict": "false" },
  );
  assert.deepEqual(headersOfCall(headers, { region: null, limits: null }), {});
});

for (
  const [why, schema] of Object.entries({
    "is not at a plain property": { properties: { a: { items: text("A") } } },
    "of the schema is not at a plain property": text("A"),
    "is no name of a header field": { properties: { a: text("A\r\nB") } },
    "is not at a string, integer, boolean": {
      properties: { a: { type: "number", "x-mcp-header": "A" } },
    },
    "names a header twice": { properties: { a: text("A"), b: text("a") } },
  })
) {
  Deno.test(`parameterHeadersOf() refuses an annotation that ${why}`, () => {
    assert.throws(() => parameterHeadersOf(schema), new RegExp(why));
  });
}

Deno.test("parameterHeadersOf() refuses an annotation below a composition", () => {
  const schema = { properties: { a: { anyOf: [{ properties: { b: text("B") } }] } } };
  assert.throws(() => parameterHeadersOf(schema), /not at a plain property/);
});

// The examples of revision 2026-07-28, "Value Encoding".
for (
  const [value, written] of [
    ["us-west1", "us-west1"],
    ["", ""],
    ["Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="],
    [" padded ", "=?base64?IHBhZGRlZCA=?="],
    ["line1\nline2", "=?base64?bGluZTEKbGluZTI=?="],
    ["=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="],
  ] as const
) {
  Deno.test(`headerValue() writes ${JSON.stringify(value)} as the protocol has it`, () => {
    assert.equal(headerValue(value), written);
  });
}

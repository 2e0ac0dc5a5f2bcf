import assert from "node:assert/strict";
import fc from "fast-check";
import { KeyRing } from "./keys.ts";
import { parseRules } from "./rules_file.ts";

/** printf %s hashed-key | sha256sum */
const HASHED_KEY = "a4ae87b73fa5645e6aee415a6f72be4dcbd99d057a7b40cb1b867c181d179260";

function ring(extra = ""): KeyRing {
  return new KeyRing(parseRules(
    `version: v1
keys:
  - { name: a, key: key-a, tenant: ta }
  - { name: b, key: key-bb, tenant: tb }
${extra}
rules: []`,
    "rules",
  ));
}

Deno.test.each([
  { why: "no header", headers: {}, want: ["missing", ""] },
  { why: "an empty header", headers: { "x-api-key": "" }, want: ["missing", ""] },
  { why: "x-api-key", headers: { "x-api-key": "key-a" }, want: ["known", "a"] },
  { why: "a Bearer token", headers: { authorization: "Bearer key-bb" }, want: ["known", "b"] },
  { why: "another scheme", headers: { authorization: "Basic key-a" }, want: ["missing", ""] },
  { why: "Bearer without a token", headers: { authorization: "Bearer " }, want: ["missing", ""] },
  { why: "a prefix of a key", headers: { "x-api-key": "key-" }, want: ["unknown", ""] },
  { why: "a key repeated", headers: { "x-api-key": "key-akey-a" }, want: ["unknown", ""] },
  { why: "two keys joined", headers: { "x-api-key": "key-a,key-a" }, want: ["unknown", ""] },
  {
    why: "a wrong first place and a right second",
    headers: { "x-api-key": "wrong", authorization: "Bearer key-a" },
    want: ["unknown", ""],
  },
])("KeyRing.identify() with $why", ({ headers, want }) => {
  const { state, key } = ring().identify(headers as unknown as Record<string, string>);
  assert.deepEqual([state, key], want);
});

Deno.test("KeyRing.identify() knows a key by its hash alone", () => {
  const keys = ring(`  - { name: h, key_sha256: ${HASHED_KEY}, tenant: th }`);
  assert.equal(keys.identify({ "x-api-key": "hashed-key" }).key, "h");
  assert.equal(keys.identify({ "x-api-key": HASHED_KEY }).state, "unknown");
  assert.equal(keys.identify({ "x-api-key": "key-a" }).key, "a");
});

Deno.test("KeyRing.identify() knows exactly the keys of its file", () => {
  const keys = ring();
  fc.assert(fc.property(fc.string({ minLength: 1 }), (given) => {
    const known = given === "key-a" || given === "key-bb";
    assert.equal(keys.identify({ "x-api-key": given }).state, known ? "known" : "unknown");
  }));
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { nonceOf, openNonce, signNonce } from "./nonce.ts";

Deno.test("openNonce() accepts what signNonce() made with the same secret only", () => {
  const value = signNonce("case-0001", "secret");
  assert.equal(openNonce(value, "secret"), "case-0001");
  assert.equal(openNonce(value, "other"), undefined);
  assert.equal(openNonce(undefined, "secret"), undefined);
});

Deno.test("openNonce() accepts no string that was not signed", () => {
  fc.assert(fc.property(fc.string(), (value) => openNonce(value, "secret") === undefined));
});

Deno.test("nonceOf() reads the nonce without the signature", () => {
  assert.equal(nonceOf("case-0001.ab"), "case-0001");
  assert.equal(nonceOf("short.ab"), undefined);
});

Deno.test("signNonce() refuses a nonce of another form", () => {
  assert.throws(() => signNonce("UPPER CASE", "secret"), RangeError);
});

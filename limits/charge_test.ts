import assert from "node:assert/strict";
import { type AnswerFacts, chargeOf, priceOf } from "./charge.ts";

const PRICES = { small: { input: 0.15, output: 0.6 }, default: { input: 10, output: 30 } };

const ANSWER: AnswerFacts = {
  status: 200,
  method: "POST",
  path: "/v1/chat/completions",
  requestBytes: 40,
  responseBytes: 400,
  usage: { input: 10, output: 20, total: 30 },
  model: "small",
};

Deno.test("usage is charged as it stands, at the price of the model that answered", () => {
  assert.deepEqual(chargeOf(ANSWER, PRICES), { tokens: 30, cost: 13_500, source: "usage" });
});

Deno.test("an answer without usage is charged by its bytes and the request's", () => {
  const { usage: _, ...silent } = ANSWER;
  assert.deepEqual(chargeOf(silent, PRICES).tokens, 110);
  assert.deepEqual(chargeOf({ ...silent, path: "/v1/audio/speech" }, PRICES).tokens, 10);
  assert.deepEqual(chargeOf({ ...silent, path: "/v1/audio/transcriptions" }, PRICES).tokens, 100);
  assert.deepEqual(chargeOf({ ...silent, path: "/v1/filesystem" }, PRICES).tokens, 110);
  // The client left before any answer: the model may have read the prompt.
  const left = { ...silent, status: 0, responseBytes: 0 };
  assert.deepEqual(chargeOf(left, PRICES), { tokens: 10, cost: 1_500, source: "estimate" });
});

Deno.test("a model without a price has the default's, and a dated name that of the undated", () => {
  assert.equal(chargeOf({ ...ANSWER, model: "unheard-of" }, PRICES).cost, 700_000);
  const { model: _, ...nameless } = ANSWER;
  assert.equal(chargeOf(nameless, PRICES).cost, 700_000);
  for (const dated of ["small-2026-12-01", "small-20261201"]) {
    assert.equal(priceOf(dated, PRICES), PRICES.small);
  }
  assert.equal(priceOf("constructor", PRICES), PRICES.default);
});

Deno.test("errors, and requests that generate nothing, are free", () => {
  for (const status of [400, 401, 429, 500, 503]) {
    assert.equal(chargeOf({ ...ANSWER, status }, PRICES).tokens, 0, String(status));
  }
  for (const method of ["GET", "HEAD", "OPTIONS", "DELETE"]) {
    assert.equal(chargeOf({ ...ANSWER, method }, PRICES).tokens, 0, method);
  }
  // Any other method is charged as POST is.
  for (const method of ["PUT", "PATCH", "QUERY", "post"]) {
    assert.equal(chargeOf({ ...ANSWER, method }, PRICES).tokens, 30, method);
  }
});

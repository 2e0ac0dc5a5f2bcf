/** Dialects: paths, and the shapes of errors. */
import assert from "node:assert/strict";
import { type Dialect, dialectOf, errorIn } from "./mod.ts";

const PATHS: readonly (readonly [Dialect, string, string?])[] = [
  ["openai", "/v1/chat/completions"],
  ["openai", "/v1/models"],
  ["openai", "/openai/deployments/d/chat/completions"],
  ["openai", "/v1beta/openai/chat/completions"],
  ["openai", "/v1/messagesx"],
  ["anthropic", "/v1/messages"],
  ["anthropic", "/v1/messages?beta=true"],
  ["anthropic", "/v1/messages/count_tokens"],
  ["anthropic", "/v1/models", "anthropic-version"],
  ["gemini", "/v1beta/models/gemini-2.5-flash:generateContent"],
  ["gemini", "/v1/models/gemini-2.5-flash:streamGenerateContent"],
  ["gemini", "/v1beta1/projects/p/locations/l/publishers/google/models/m:generateContent"],
  ["gemini", "/v1beta/models"],
];

for (const [dialect, path, header] of PATHS) {
  Deno.test(`dialectOf() says ${dialect} for ${path}${header ? ` with ${header}` : ""}`, () => {
    assert.equal(dialectOf(path, (name) => name === header ? "x" : undefined), dialect);
  });
}

Deno.test("errorIn() shapes one error for each dialect, with when to try again", () => {
  const init = { message: "Slow down", retryAfter: 7, requestId: "req_1" };
  assert.deepEqual(errorIn("openai", 429, init).body, {
    error: { message: "Slow down", type: "rate_limit_error", param: null, code: null },
  });
  assert.deepEqual(errorIn("anthropic", 429, init).body, {
    type: "error",
    error: { type: "rate_limit_error", message: "Slow down" },
    request_id: "req_1",
  });
  assert.deepEqual(errorIn("gemini", 429, init).body, {
    error: {
      code: 429,
      message: "Slow down",
      status: "RESOURCE_EXHAUSTED",
      details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s" }],
    },
  });
  assert.deepEqual(errorIn("anthropic", 529, init).headers, [["retry-after", "7"]]);
  assert.deepEqual(errorIn("gemini", 500, { message: "x" }).headers, []);
});

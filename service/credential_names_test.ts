import assert from "node:assert/strict";
import { CREDENTIAL_HEADERS, isCredentialHeader, isCredentialParameter } from "./mod.ts";

Deno.test("isCredentialHeader() knows the names of the list, and names that say so, in any case", () => {
  for (
    const name of [
      ...Object.keys(CREDENTIAL_HEADERS),
      ...["Authorization", "X-Acme-API-Key", "x-forwarded-access-token", "X-Vault-Token"],
      ...["x-openai-key", "x-provider-key", "dpop", "x-user-pat", "x-admin-pass"],
      ...["x-client-secret", "x_api_key", "x-session-token", "my-apikey", "x-jwt-payload"],
    ]
  ) {
    assert.ok(isCredentialHeader(name), name);
  }
});

Deno.test("isCredentialHeader() leaves counters of tokens, routing keys and plain headers alone", () => {
  for (
    const name of [
      ...["x-ratelimit-remaining-tokens", "x-token-count", "x-request-id", "x-cache-key", "host"],
      ...["content-type", "x-tenant", "x-llm-model", "idempotency-key", "user-agent", ":path"],
    ]
  ) {
    assert.ok(!isCredentialHeader(name), name);
  }
});

Deno.test("isCredentialParameter() knows the keys that APIs take in a query", () => {
  for (
    const name of [
      ...["key", "api_key", "apiKey", "api-key", "access_token", "token", "sig", "X-Amz-Signature"],
      ...["client_secret", "subscription-key", "id_token", "accessToken", "key[]", "api_key[0]"],
      ...["pwd", "AWSAccessKeyId", "openaiKey"],
    ]
  ) {
    assert.ok(isCredentialParameter(name), name);
  }
  for (const name of ["limit", "after", "model", "max_tokens", "order"]) {
    assert.ok(!isCredentialParameter(name), name);
  }
});

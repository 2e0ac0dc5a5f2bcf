/** Anthropic's own client through policy and Envoy: messages, streams, and denials as its typed errors. */
import assert from "node:assert/strict";
import { npmModule } from "../../service/testing/npm_module.ts";
import { startTestGateway } from "../testing/stack.ts";

const Anthropic = (await npmModule("anthropic_client.ts")).default;
const ASK = {
  model: "claude-sonnet-4-5",
  max_tokens: 500,
  messages: [{ role: "user", content: "Hi from Anthropic" }],
};

Deno.test("Anthropic's client works through Envoy, and reads denials as its own errors", async () => {
  await using gateway = await startTestGateway();
  const client = (apiKey: string) => new Anthropic({ apiKey, baseURL: gateway.url, maxRetries: 0 });
  const whole = await client("demo-key").messages.create(ASK);
  assert.match(whole.content[0].text, /You said: "Hi from Anthropic"/);
  const streamed = await client("demo-key").messages.stream(ASK).finalText();
  assert.match(streamed, /You said: "Hi from Anthropic"/);
  const denials = [
    ["nobody", Anthropic.PermissionDeniedError, "permission_error", "invalid_api_key"],
    ["quota-key", Anthropic.RateLimitError, "rate_limit_error", "quota_exceeded"],
  ];
  for (const [key, kind, type, code] of denials) {
    const error = await client(key).messages.create(ASK).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof kind, String(error));
    assert.equal(error.type, type);
    assert.equal(error.error.type, "error");
    assert.equal(error.headers.get("x-llm-deny-code"), code);
  }
});

Deno.test("a denial keeps OpenAI's shape on OpenAI's paths, with the same code", async () => {
  await using gateway = await startTestGateway();
  const denied = async (path: string) => {
    const response = await fetch(`${gateway.url}${path}`, {
      method: "POST",
      headers: { "x-api-key": "nobody" },
      body: "{}",
    });
    const { status, headers } = response;
    return { status, code: headers.get("x-llm-deny-code"), body: await response.json() };
  };
  const openai = await denied("/v1/chat/completions");
  const anthropic = await denied("/v1/messages?beta=true");
  assert.equal(openai.status, anthropic.status);
  assert.equal(openai.code, anthropic.code);
  assert.equal(openai.body.error.type, "policy_error");
  assert.equal(openai.body.error.message, anthropic.body.error.message);
  assert.deepEqual(anthropic.body.error.type, "permission_error");
});

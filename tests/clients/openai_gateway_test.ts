import assert from "node:assert/strict";
import { OpenAI } from "../../openai/testing/sdk.ts";
import { startTestGateway } from "../testing/stack.ts";

const MESSAGES = [{ role: "user" as const, content: "Hi from JavaScript" }];

Deno.test("the official JavaScript client works through Envoy, typed errors included", async () => {
  await using gateway = await startTestGateway();
  const client = (apiKey: string) =>
    new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
  const ask = (apiKey: string) =>
    client(apiKey).chat.completions.create({ model: "gpt-4o-mini", messages: MESSAGES });

  const whole = await ask("demo-key");
  assert.match(whole.choices[0]?.message.content ?? "", /You said: "Hi from JavaScript"/);
  const stream = await client("demo-key").chat.completions.create({
    model: "gpt-4o-mini",
    messages: MESSAGES,
    stream: true,
  });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  assert.match(text, /You said: "Hi from JavaScript"/);

  const code = (expected: string) => (error: unknown) =>
    (error as { code?: string }).code === expected;
  await assert.rejects(ask("nobody"), OpenAI.PermissionDeniedError);
  await assert.rejects(ask("nobody"), code("invalid_api_key"));
  await assert.rejects(ask("quota-key"), OpenAI.RateLimitError);
  // A header that is null is left out: no credential at all.
  const bare = new OpenAI({
    apiKey: "unused",
    baseURL: `${gateway.url}/v1`,
    maxRetries: 0,
    defaultHeaders: { authorization: null },
  });
  await assert.rejects(bare.models.list(), OpenAI.AuthenticationError);
  const lost = new OpenAI({ apiKey: "demo-key", baseURL: `${gateway.url}/v2`, maxRetries: 0 });
  await assert.rejects(lost.models.list(), OpenAI.NotFoundError);
  await gateway.policy?.close();
  await assert.rejects(ask("demo-key"), OpenAI.InternalServerError);
  await assert.rejects(ask("demo-key"), code("policy_unavailable"));
});

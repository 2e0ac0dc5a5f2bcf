import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embed, generateText, jsonSchema, Output, streamText, tool } from "ai";
import { startUpstream, type Upstream } from "../../upstream/mod.ts";

function provider(upstream: Upstream) {
  return createOpenAICompatible({
    name: "llmgate",
    apiKey: "demo-key",
    baseURL: `${upstream.url}/v1`,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
}

const PLACE = jsonSchema<{ city: string; days: number }>({
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
});

Deno.test("Vercel's AI SDK reads text, streams, reasoning and usage", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const model = provider(upstream)("mock-small");
  const whole = await generateText({ model, prompt: "Hi from AI SDK", maxRetries: 0 });
  assert.match(whole.text, /You said: "Hi from AI SDK"/);
  assert.ok((whole.usage.outputTokens ?? 0) > 5);
  const stream = streamText({ model, prompt: "Hi from AI SDK", maxRetries: 0 });
  let text = "";
  for await (const part of stream.textStream) text += part;
  assert.match(text, /You said: "Hi from AI SDK"/);
  assert.equal(await stream.finishReason, "stop");
  assert.ok(((await stream.usage).totalTokens ?? 0) > 5);
});

Deno.test("Vercel's AI SDK calls tools over a stream and ends its loop", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const stream = streamText({
    model: provider(upstream)("mock-small"),
    prompt: "Weather?",
    maxRetries: 0,
    tools: { get_weather: tool({ inputSchema: PLACE }) },
  });
  const calls = await stream.toolCalls;
  assert.equal(calls[0]?.toolName, "get_weather");
  assert.deepEqual(calls[0]?.input, { city: "", days: 0 });
  assert.equal(await stream.finishReason, "tool-calls");
});

Deno.test("Vercel's AI SDK gets structured objects and embeddings", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const sdk = provider(upstream);
  const { output } = await generateText({
    model: sdk("mock-small"),
    prompt: "Where?",
    output: Output.object({ schema: PLACE }),
    maxRetries: 0,
  });
  assert.deepEqual(output, { city: "", days: 0 });
  const { embedding } = await embed({
    model: sdk.embeddingModel("mock-small"),
    value: "a",
    maxRetries: 0,
  });
  assert.equal(embedding.length, 1536);
});

Deno.test("Vercel's AI SDK raises its typed error with our message", async () => {
  await using upstream = await startUpstream({ pace: "none", models: ["other"] });
  await assert.rejects(
    generateText({ model: provider(upstream)("mock-small"), prompt: "Hi", maxRetries: 0 }),
    (error) =>
      APICallError.isInstance(error) && error.statusCode === 404 &&
      /does not exist/.test(error.message),
  );
});

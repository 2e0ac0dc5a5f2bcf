// deno-lint-ignore-file no-console -- a program of its own
/** Asks an OpenAI-compatible server with Vercel's AI SDK and prints its reading as JSON: `ai_sdk.ts BASE_URL`. */
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embed, generateText, jsonSchema, Output, streamText, tool } from "ai";

const [baseURL = ""] = Deno.args;
const provider = createOpenAICompatible({
  name: "llmgate",
  apiKey: "demo-key",
  baseURL,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const ask = { model: provider("mock-small"), prompt: "Hi from AI SDK", maxRetries: 0 };

const place = jsonSchema<{ city: string; days: number }>({
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
});

const whole = await generateText(ask);

const stream = streamText(ask);
const pieces: string[] = [];
for await (const piece of stream.textStream) pieces.push(piece);

const tools = streamText({ ...ask, tools: { get_weather: tool({ inputSchema: place }) } });
const calls = (await tools.toolCalls).map(({ toolName, input }) => ({ toolName, input }));

const object = await generateText({ ...ask, output: Output.object({ schema: place }) });
const { embedding } = await embed({
  model: provider.embeddingModel("mock-small"),
  value: "a",
  maxRetries: 0,
});

const refused = await generateText({ ...ask, model: provider("nobody") }).catch((error) => error);

console.log(JSON.stringify({
  text: whole.text,
  outputTokens: whole.usage.outputTokens,
  streamed: pieces,
  finishReason: await stream.finishReason,
  totalTokens: (await stream.usage).totalTokens,
  calls,
  callsFinishReason: await tools.finishReason,
  object: object.output,
  dimensions: embedding.length,
  error: APICallError.isInstance(refused)
    ? { statusCode: refused.statusCode, message: refused.message }
    : String(refused),
}));

// deno-lint-ignore-file no-console -- a program of its own
/** Asks a Messages server with Anthropic's own client and prints its reading as JSON: `anthropic.ts BASE_URL`. */
import Anthropic, { APIError } from "@anthropic-ai/sdk";

const [baseURL = ""] = Deno.args;
const client = new Anthropic({ baseURL, apiKey: "demo-key", maxRetries: 0 });
const ask = {
  model: "mock-small",
  max_tokens: 2000,
  messages: [{ role: "user" as const, content: "Hi from Anthropic" }],
};
const weather = {
  name: "get_weather",
  input_schema: {
    type: "object" as const,
    properties: { city: { type: "string" }, days: { type: "integer" } },
    required: ["city", "days"],
  },
};

const whole = await client.messages.create(ask);
const stream = client.messages.stream({
  ...ask,
  thinking: { type: "enabled", budget_tokens: 1024 },
});
const kinds: string[] = [];
for await (const event of stream) if (kinds.at(-1) !== event.type) kinds.push(event.type);
const gathered = await stream.finalMessage();

const calling = await client.messages.stream({ ...ask, tools: [weather] }).finalMessage();
const call = calling.content.find((block) => block.type === "tool_use");
if (call?.type !== "tool_use") throw new Error("no tool was called");
const after = await client.messages.create({
  ...ask,
  tools: [weather],
  messages: [
    ...ask.messages,
    { role: "assistant", content: calling.content },
    { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "sunny" }] },
  ],
});
const counted = await client.messages.countTokens({ model: ask.model, messages: ask.messages });
const listed = await client.models.list();
const short = await client.messages.create({ ...ask, max_tokens: 2 });
const wrong = await client.messages.create({ ...ask, model: "nobody" }).catch((error) => error);

const textOf = (content: typeof whole.content) =>
  content.map((block) => block.type === "text" ? block.text : "").join("");
console.log(JSON.stringify({
  text: textOf(whole.content),
  stop: whole.stop_reason,
  kinds,
  blocks: gathered.content.map((block) => block.type),
  streamed: textOf(gathered.content),
  call: { name: call.name, input: call.input, stop: calling.stop_reason },
  after: textOf(after.content),
  counted: counted.input_tokens,
  inputTokens: whole.usage.input_tokens,
  models: listed.data.map((model) => model.id),
  short: short.stop_reason,
  error: wrong instanceof APIError
    ? { status: wrong.status, type: wrong.type, requestID: typeof wrong.requestID }
    : String(wrong),
}));

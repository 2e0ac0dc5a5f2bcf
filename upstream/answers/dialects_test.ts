/** Anthropic's and Gemini's endpoints: their shapes, the order of their events, and what they refuse. */
import assert from "node:assert/strict";
import { parseSse } from "../../openai/mod.ts";
import { startUpstream } from "../mod.ts";

const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const user = (content: unknown) => ({ role: "user", content });
const message = { model: "m", max_tokens: 500, messages: [user("Hi")] };
const content = { contents: [{ role: "user", parts: [{ text: "Hi" }] }] };
const weather = { name: "weather", input_schema: schema };

async function ask(path: string, init: { body?: object; method?: string; headers?: HeadersInit }) {
  await using upstream = await startUpstream({ pace: "none", models: ["m"] });
  const response = await fetch(`${upstream.url}${path}`, {
    method: init.method ?? "POST",
    ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    ...(init.headers === undefined ? {} : { headers: init.headers }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

Deno.test("messages stream blocks that open, grow and stop by their index, and end once", async () => {
  const { text, headers } = await ask("/v1/messages", {
    body: { ...message, stream: true, tools: [weather], thinking: { type: "adaptive" } },
  });
  assert.match(headers.get("request-id") ?? "", /^req_/);
  const { events } = parseSse(text);
  const read = events.map((event) => {
    const data = JSON.parse(event.data);
    assert.equal(data.type, event.type);
    return data;
  });
  assert.equal(read[0].type, "message_start");
  assert.equal(read[0].message.stop_reason, null);
  assert.deepEqual(
    read.slice(-2).map((data) => data.type),
    ["message_delta", "message_stop"],
  );
  assert.equal(read.at(-2).delta.stop_reason, "tool_use");
  assert.equal(read.filter((data) => data.type === "message_stop").length, 1);
  const open = new Map<number, string>();
  let json = "";
  for (const data of read) {
    if (data.type === "content_block_start") open.set(data.index, data.content_block.type);
    if (data.type === "content_block_delta") {
      assert.ok(open.has(data.index));
      if (data.delta.type === "input_json_delta") json += data.delta.partial_json;
    }
    if (data.type === "content_block_stop") assert.ok(open.delete(data.index));
  }
  assert.equal(open.size, 0);
  assert.deepEqual(JSON.parse(json), { city: "Paris" });
});

Deno.test("a message says which stop sequence ended it, and counts cached tokens apart", async () => {
  const { text } = await ask("/v1/messages", { body: { ...message, stop_sequences: ["mock"] } });
  const answer = JSON.parse(text);
  assert.equal(answer.stop_reason, "stop_sequence");
  assert.equal(answer.stop_sequence, "mock");
  assert.equal(answer.content[0].text.trimEnd(), "Hello from the");
  assert.equal(answer.usage.cache_read_input_tokens, 0);
});

const call = {
  role: "assistant",
  content: [{ type: "tool_use", id: "t1", name: "weather", input: {} }],
};
const result = user([{ type: "tool_result", tool_use_id: "t1", content: "sunny" }]);

/** Requests that Anthropic refuses, and what it says. */
const REFUSED: readonly (readonly [why: string, says: RegExp, body: object])[] = [
  ["no max_tokens", /^max_tokens: Field required$/, { max_tokens: undefined }],
  ["a system message", /^messages\.0\.role: /, { messages: [{ role: "system", content: "x" }] }],
  ["OpenAI's fields", /^user: Extra inputs are not permitted$/, { user: "u" }],
  ["a choice without tools", /^tool_choice: /, { tool_choice: { type: "any" } }],
  ["a choice that is not offered", /'other' not found/, {
    tools: [weather],
    tool_choice: { type: "tool", name: "other" },
  }],
  ["OpenAI's choice", /^tool_choice: /, { tools: [weather], tool_choice: "auto" }],
  ["a small budget", /^thinking\.budget_tokens: .* 1024$/, {
    thinking: { type: "enabled", budget_tokens: 5 },
  }],
  ["a budget above the limit", /must be greater than/, {
    thinking: { type: "enabled", budget_tokens: 2000 },
  }],
  ["thinking with a forced tool", /may not be enabled when/, {
    max_tokens: 4000,
    thinking: { type: "enabled", budget_tokens: 2000 },
    tools: [weather],
    tool_choice: { type: "any" },
  }],
  ["a call without its result", /without `tool_result` blocks/, {
    messages: [user("x"), call, user("y")],
  }],
  ["a result without its call", /unexpected `tool_use_id`/, { messages: [result] }],
];

for (const [why, says, fields] of REFUSED) {
  Deno.test(`messages refuses ${why}, in Anthropic's words and shape`, async () => {
    const { status, text, headers } = await ask("/v1/messages", {
      body: { ...message, ...fields },
    });
    assert.equal(status, 400, text);
    const { type, error, request_id } = JSON.parse(text);
    assert.equal(type, "error");
    assert.equal(error.type, "invalid_request_error");
    assert.match(error.message, says);
    assert.equal(request_id, headers.get("request-id"));
  });
}

Deno.test("a request with beta features may have fields that the mock does not know", async () => {
  const { status } = await ask("/v1/messages", {
    body: { ...message, something_new: {} },
    headers: { "anthropic-beta": "something-2026-01-01" },
  });
  assert.equal(status, 200);
});

Deno.test("results are read as a tool's turn, so that an agent's loop ends", async () => {
  const { text } = await ask("/v1/messages", {
    body: { ...message, tools: [weather], messages: [user("x"), call, result] },
  });
  const answer = JSON.parse(text);
  assert.equal(answer.stop_reason, "end_turn");
  assert.match(answer.content[0].text, /sunny/);
});

Deno.test("models and errors have Anthropic's shape for who names its version", async () => {
  const headers = { "anthropic-version": "2023-06-01" };
  const { text } = await ask("/v1/models", { method: "GET", headers });
  assert.deepEqual(JSON.parse(text).data[0].type, "model");
  const unknown = await ask("/v1/messages", { body: { ...message, model: "x" } });
  assert.equal(unknown.status, 404);
  assert.deepEqual(JSON.parse(unknown.text).error, {
    type: "not_found_error",
    message: "model: x",
  });
  const wrong = await ask("/v1/messages", { method: "GET" });
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.get("allow"), "POST");
  const root = await ask("/", { method: "HEAD" });
  assert.equal(root.status, 200);
});

const GEMINI = "/v1beta/models/m";

Deno.test("Gemini streams events with alt=sse, else one JSON array; the last piece has the reason", async () => {
  const sse = await ask(`${GEMINI}:streamGenerateContent?alt=sse`, { body: content });
  const pieces = parseSse(sse.text).events.map((event) => JSON.parse(event.data));
  const array = await ask(`${GEMINI}:streamGenerateContent`, { body: content });
  assert.match(array.headers.get("content-type") ?? "", /^application\/json/);
  assert.deepEqual(JSON.parse(array.text), pieces);
  const reasons = pieces.map((piece) => piece.candidates[0].finishReason);
  assert.equal(reasons.at(-1), "STOP");
  assert.equal(reasons.filter(Boolean).length, 1);
  const whole = await ask(`${GEMINI}:generateContent`, { body: content });
  const said = pieces.map((piece) => piece.candidates[0].content.parts[0].text).join("");
  assert.match(said, /You said: "Hi"/);
  assert.match(whole.text, /usageMetadata/);
});

Deno.test("Gemini reads names in snake case, and Vertex's path", async () => {
  const declared = [{ name: "weather", parameters_json_schema: schema }];
  const { text } = await ask(
    "/v1/projects/p/locations/global/publishers/google/models/m:generateContent",
    { body: { ...content, tools: [{ function_declarations: declared }] } },
  );
  const [part] = JSON.parse(text).candidates[0].content.parts;
  assert.deepEqual(part.functionCall, { name: "weather", args: { city: "Paris" } });
});

/** Requests that Gemini refuses, and what it says. */
const REFUSED_BY_GEMINI: readonly (readonly [why: string, says: RegExp, body: object])[] = [
  ["no contents", /contents is not specified/, {}],
  ["OpenAI's messages", /Unknown name "messages"/, { ...content, messages: [] }],
  ["tools in OpenAI's shape", /Unknown name "(type|function)" at 'tools\[0\]'/, {
    ...content,
    tools: [{ type: "function", function: { name: "weather" } }],
  }],
  ["an unknown role", /Please use a valid role/, {
    contents: [{ role: "assistant", parts: [{ text: "x" }] }],
  }],
  ["a function that is not declared", /is not declared/, {
    ...content,
    toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["x"] } },
  }],
];

for (const [why, says, body] of REFUSED_BY_GEMINI) {
  Deno.test(`Gemini refuses ${why}, in its own shape`, async () => {
    const { status, text } = await ask(`${GEMINI}:generateContent`, { body });
    assert.equal(status, 400, text);
    const { error } = JSON.parse(text);
    assert.equal(error.status, "INVALID_ARGUMENT");
    assert.equal(error.code, 400);
    assert.match(error.message, says);
  });
}

Deno.test("Azure's deployment is the model, its version must be there, and its stream begins without choices", async () => {
  const body = { messages: [user("Hi")], stream: true };
  const path = "/openai/deployments/m/chat/completions";
  const { text } = await ask(`${path}?api-version=2024-10-21`, { body });
  const [first, second] = parseSse(text).events.slice(0, 2).map((event) => JSON.parse(event.data));
  assert.deepEqual(first.choices, []);
  assert.equal(first.prompt_filter_results[0].content_filter_results.hate.filtered, false);
  assert.equal(second.model, "m");
  const missing = await ask(path, { body });
  assert.equal(missing.status, 404);
  assert.equal(JSON.parse(missing.text).error.message, "Resource not found");
});

Deno.test("the same endpoints answer under the prefixes of other providers", async () => {
  const body = { model: "m", messages: [user("Hi")] };
  for (const prefix of ["/openai/v1", "/v1beta/openai", "/api/v1", "/compatibility/v1"]) {
    const { status, text } = await ask(`${prefix}/chat/completions`, { body });
    assert.equal(status, 200, prefix);
    assert.equal(JSON.parse(text).object, "chat.completion");
  }
});

Deno.test("images, rerank and batches answer in shape", async () => {
  const image = await ask("/v1/images/generations", { body: { model: "m", prompt: "x", n: 2 } });
  const { data } = JSON.parse(image.text);
  assert.equal(data.length, 2);
  assert.equal(atob(data[0].b64_json).slice(1, 4), "PNG");
  const ranked = await ask("/v1/rerank", {
    body: { model: "m", query: "red apple", documents: ["a blue car", "an apple that is red"] },
  });
  assert.deepEqual(
    JSON.parse(ranked.text).results.map((one: { index: number }) => one.index),
    [1, 0],
  );
  const batch = await ask("/v1/batches", {
    body: { input_file_id: "f", endpoint: "/v1/chat/completions", completion_window: "24h" },
  });
  const { id, status } = JSON.parse(batch.text);
  assert.equal(status, "validating");
  const again = await ask(`/v1/batches/${id}`, { method: "GET" });
  assert.equal(JSON.parse(again.text).status, "completed");
  assert.equal(JSON.parse(again.text).id, id);
});

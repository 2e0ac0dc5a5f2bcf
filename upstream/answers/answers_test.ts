import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { OpenAI, toFile, type Wire } from "../../openai/testing/sdk.ts";
import { type ChatChunk, parseSse } from "../../openai/mod.ts";
import { startUpstream, type Upstream } from "../mod.ts";

const USER = [{ role: "user" as const, content: "Weather?" }];
const TOOL = {
  type: "function" as const,
  function: {
    name: "get_weather",
    parameters: {
      type: "object",
      properties: {
        city: { type: "string", minLength: 2 },
        days: { type: "integer", minimum: 3 },
        unit: { enum: ["c", "f"] },
        note: { type: "string" },
      },
      required: ["city", "days", "unit"],
    },
  },
};

function clientOf(upstream: Upstream): OpenAI {
  return new OpenAI({ apiKey: "k", baseURL: `${upstream.url}/v1`, maxRetries: 0 });
}

async function chunksOf(upstream: Upstream, body: object): Promise<ChatChunk[]> {
  const response = await fetch(`${upstream.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model: "m", messages: USER, stream: true, ...body }),
  });
  const { events } = parseSse(await response.text());
  assert.equal(events.at(-1)?.data, "[DONE]");
  return events.slice(0, -1).map((event) => JSON.parse(event.data));
}

Deno.test("chat streams tool call arguments in fragments that join to valid JSON", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const chunks = await chunksOf(upstream, { tools: [TOOL] });
  let text = "";
  let named = 0;
  for (const chunk of chunks) {
    for (const call of chunk.choices[0]?.delta.tool_calls ?? []) {
      assert.equal(call.index, 0);
      if (call.function?.name) named++;
      text += call.function?.arguments ?? "";
    }
  }
  assert.equal(named, 1);
  assert.ok(chunks.length > 5);
  assert.deepEqual(JSON.parse(text), { city: "Paris", days: 3, unit: "c" });
  assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, "tool_calls");
});

Deno.test("chat obeys tool_choice, and answers in words after a tool's result", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const client = clientOf(upstream);
  const other = { ...TOOL, function: { ...TOOL.function, name: "other" } };
  const ask = { model: "m", messages: USER, tools: [TOOL, other] };
  const named = await client.chat.completions.create({
    ...ask,
    tool_choice: { type: "function", function: { name: "other" } },
  });
  const call = named.choices[0]?.message.tool_calls?.[0];
  assert.ok(call?.type === "function");
  assert.equal(call.function.name, "other");
  const none = await client.chat.completions.create({ ...ask, tool_choice: "none" });
  assert.equal(none.choices[0]?.finish_reason, "stop");
  const both = await client.chat.completions.create({ ...ask, parallel_tool_calls: true });
  assert.equal(both.choices[0]?.message.tool_calls?.length, 2);
  const after = await client.chat.completions.create({
    ...ask,
    messages: [
      ...USER,
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: call.id, content: "sunny" },
    ],
  });
  assert.match(after.choices[0]?.message.content ?? "", /sunny/);
});

Deno.test("chat answers json_schema with a valid instance", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const answer = await clientOf(upstream).chat.completions.create({
    model: "m",
    messages: USER,
    response_format: {
      type: "json_schema",
      json_schema: { name: "s", schema: TOOL.function.parameters },
    },
  });
  assert.deepEqual(JSON.parse(answer.choices[0]?.message.content ?? ""), {
    city: "Paris",
    days: 3,
    unit: "c",
  });
});

Deno.test("chat serves n choices, logprobs, reasoning, max_tokens and stop", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const client = clientOf(upstream);
  const two = await client.chat.completions.create({
    model: "m",
    messages: USER,
    n: 2,
    logprobs: true,
    top_logprobs: 2,
  });
  assert.deepEqual(two.choices.map((choice: Wire) => choice.index), [0, 1]);
  assert.notEqual(two.choices[0]?.message.content, two.choices[1]?.message.content);
  const content = two.choices[0]?.logprobs?.content ?? [];
  assert.equal(content.map((token: Wire) => token.token).join(""), two.choices[0]?.message.content);
  assert.equal(content[0]?.top_logprobs.length, 2);
  const chunks = await chunksOf(upstream, { n: 2, reasoning_effort: "low" });
  const indexes = new Set(chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.index)));
  assert.deepEqual([...indexes], [0, 1]);
  const reasoning = chunks.filter((chunk) => chunk.choices[0]?.delta.reasoning_content);
  assert.equal(reasoning.length, 12);
  const short = await client.chat.completions.create({
    model: "m",
    messages: USER,
    max_completion_tokens: 3,
  });
  assert.equal(short.choices[0]?.finish_reason, "length");
  assert.equal(short.usage?.completion_tokens, 3);
  const stopped = await client.chat.completions.create({
    model: "m",
    messages: USER,
    stop: ["mock"],
  });
  assert.equal(stopped.choices[0]?.message.content?.trimEnd(), "Hello from the");
});

Deno.test("x-mock-tokens and metadata.mock set the length of an answer", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const response = await fetch(`${upstream.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "x-mock-tokens": "40" },
    body: JSON.stringify({ model: "m", messages: USER }),
  });
  assert.equal((await response.json()).usage.completion_tokens, 40);
  const inBody = await clientOf(upstream).chat.completions.create({
    model: "m",
    messages: USER,
    metadata: { mock: '{"tokens":33}' },
  });
  assert.equal(inBody.usage?.completion_tokens, 33);
});

Deno.test("responses streams the whole event sequence with rising numbers", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const client = clientOf(upstream);
  const whole = await client.responses.create({ model: "m", input: "Hi" });
  assert.match(whole.output_text, /You said: "Hi"/);
  const types: string[] = [];
  let text = "";
  let number = 0;
  const stream = await client.responses.create({ model: "m", input: "Hi", stream: true });
  for await (const event of stream) {
    assert.equal(event.sequence_number, number++);
    if (types.at(-1) !== event.type) types.push(event.type);
    if (event.type === "response.output_text.delta") text += event.delta;
    if (event.type === "response.completed") assert.equal(event.response.output_text ?? text, text);
  }
  assert.deepEqual(types, [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
});

Deno.test("responses calls functions, reasons, and says when it was cut short", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const client = clientOf(upstream);
  const tool = { ...TOOL.function, type: "function" as const, strict: false };
  let text = "";
  const stream = await client.responses.create({
    model: "m",
    input: "Hi",
    tools: [tool],
    reasoning: { effort: "low" },
    stream: true,
  });
  const kinds: string[] = [];
  for await (const event of stream) {
    if (event.type === "response.function_call_arguments.delta") text += event.delta;
    if (event.type === "response.output_item.done") kinds.push(event.item.type);
  }
  assert.deepEqual(kinds, ["reasoning", "function_call"]);
  assert.equal(JSON.parse(text).days, 3);
  const short = await client.responses.create({ model: "m", input: "Hi", max_output_tokens: 2 });
  assert.equal(short.status, "incomplete");
  assert.equal(short.incomplete_details?.reason, "max_output_tokens");
});

Deno.test("moderations flags only the word that asks for it", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const answer = await clientOf(upstream).moderations.create({
    input: ["fine", "mock-flag please"],
  });
  assert.deepEqual(answer.results.map((result: Wire) => result.flagged), [false, true]);
  assert.equal(answer.results[1]?.categories.violence, true);
});

Deno.test("audio and files echo what arrived, with its hash", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const client = clientOf(upstream);
  const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7) & 255);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const file = () => toFile(bytes, "a.wav", { type: "audio/wav" });
  const heard = await client.audio.transcriptions.create({ file: await file(), model: "m" });
  assert.match(heard.text, new RegExp(`5000 bytes, sha256 ${sha256}`));
  const stored = await client.files.create({ file: await file(), purpose: "user_data" });
  assert.equal(stored.bytes, 5000);
  assert.equal((stored as unknown as { sha256: string }).sha256, sha256);
  const spoken = await client.audio.speech.create({ model: "m", voice: "alloy", input: "Hi" });
  assert.equal((await spoken.arrayBuffer()).byteLength, 8044);
  let streamed = "";
  const stream = await client.audio.transcriptions.create({
    file: await file(),
    model: "m",
    stream: true,
  });
  for await (const event of stream) {
    if (event.type === "transcript.text.delta") streamed += event.delta;
  }
  assert.equal(streamed, heard.text);
  await assert.rejects(
    client.post("/files", { body: { purpose: "x" } }),
    OpenAI.BadRequestError,
  );
});

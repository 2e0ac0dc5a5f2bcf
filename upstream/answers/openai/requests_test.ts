/** Requests that the mock refuses as OpenAI does, and the tools and fields that it honours. */
import assert from "node:assert/strict";
import { parseSse } from "../../../openai/mod.ts";
import { startUpstream } from "../../mod.ts";

const messages = [{ role: "user", content: "Hi" }];
const lookup = {
  type: "function",
  function: { name: "lookup", parameters: { type: "object", properties: {} } },
};
const shout = { type: "custom", custom: { name: "shout" } };
const called = {
  role: "assistant",
  content: null,
  tool_calls: [{ id: "call_1", type: "function", function: { name: "lookup", arguments: "{}" } }],
};

async function post(path: string, body: object) {
  await using upstream = await startUpstream({ pace: "none" });
  const response = await fetch(`${upstream.url}${path}`, {
    method: "POST",
    body: JSON.stringify({ model: "m", ...body }),
  });
  const text = await response.text();
  return { status: response.status, text };
}

async function answerOf(path: string, body: object) {
  const { status, text } = await post(path, body);
  assert.equal(status, 200, text);
  return JSON.parse(text);
}

/** Requests that OpenAI answers with 400, and the parameter that the error names. */
const REFUSED: readonly (readonly [why: string, param: string, body: object])[] = [
  ["an unknown role", "messages[0].role", { messages: [{ role: "bot", content: "x" }] }],
  ["no messages", "messages", { messages: [] }],
  ["stream_options without stream", "stream_options", {
    messages,
    stream_options: { include_usage: true },
  }],
  ["both limits", "max_tokens", { messages, max_tokens: 5, max_completion_tokens: 5 }],
  ["top_logprobs without logprobs", "top_logprobs", { messages, top_logprobs: 2 }],
  ["tool_choice without tools", "tool_choice", { messages, tool_choice: "auto" }],
  ["parallel_tool_calls without tools", "parallel_tool_calls", {
    messages,
    parallel_tool_calls: true,
  }],
  ["a tool_choice that is not offered", "tool_choice", {
    messages,
    tools: [lookup],
    tool_choice: { type: "function", function: { name: "other" } },
  }],
  ["an unknown tool_choice", "tool_choice", { messages, tools: [lookup], tool_choice: "any" }],
  ["a tool of an unknown type", "tools[0].type", { messages, tools: [{ type: "hammer" }] }],
  ["a tool in the shape of the Responses API", "tools[0].function", {
    messages,
    tools: [{ type: "function", name: "lookup", parameters: {} }],
  }],
  ["a function name with a blank", "tools[0].function.name", {
    messages,
    tools: [{ type: "function", function: { name: "look up" } }],
  }],
  ["a schema without a name", "response_format.json_schema.name", {
    messages,
    response_format: { type: "json_schema", json_schema: { schema: {} } },
  }],
  ["json_object without the word", "messages", {
    messages,
    response_format: { type: "json_object" },
  }],
  ["a temperature of 3", "temperature", { messages, temperature: 3 }],
  ["five stop sequences", "stop", { messages, stop: ["a", "b", "c", "d", "e"] }],
  ["a result without its call", "messages.[1].role", {
    messages: [...messages, { role: "tool", tool_call_id: "call_1", content: "x" }],
  }],
  ["a call without its result", "messages", { messages: [...messages, called, ...messages] }],
];

for (const [why, param, body] of REFUSED) {
  Deno.test(`chat refuses ${why}, and names the parameter`, async () => {
    const { status, text } = await post("/v1/chat/completions", body);
    assert.equal(status, 400, text);
    const { error } = JSON.parse(text);
    assert.equal(error.type, "invalid_request_error");
    assert.equal(error.param, param, error.message);
  });
}

Deno.test("a tool without a schema is called with an empty object", async () => {
  for (const parameters of [undefined, {}, { type: "object" }]) {
    const tool = { type: "function", function: { name: "now", parameters } };
    const answer = await answerOf("/v1/chat/completions", {
      messages,
      tools: [tool],
      tool_choice: "required",
    });
    assert.equal(answer.choices[0].message.tool_calls[0].function.arguments, "{}");
  }
});

Deno.test("a schema that cannot be honoured is refused by name, never answered wrongly", async () => {
  const schema = { type: "object", required: ["a"], properties: { a: { not: {} } } };
  const response_format = { type: "json_schema", json_schema: { name: "s", schema } };
  const { status, text } = await post("/v1/chat/completions", { messages, response_format });
  assert.equal(status, 400);
  assert.match(JSON.parse(text).error.message, /"not" at "\/a" is not honoured/);
});

Deno.test("allowed_tools restricts what may be called, in both APIs", async () => {
  const named = { type: "function", function: { name: "lookup" } };
  const chat = await answerOf("/v1/chat/completions", {
    messages,
    tools: [{ ...lookup, function: { ...lookup.function, name: "first" } }, lookup],
    tool_choice: { type: "allowed_tools", allowed_tools: { mode: "required", tools: [named] } },
  });
  assert.equal(chat.choices[0].message.tool_calls[0].function.name, "lookup");
  const flat = (name: string) => ({ type: "function", name, parameters: {} });
  const response = await answerOf("/v1/responses", {
    input: "Hi",
    tools: [flat("first"), flat("second")],
    tool_choice: { type: "allowed_tools", mode: "required", tools: [flat("second")] },
  });
  assert.deepEqual(response.output.map((item: { name?: string }) => item.name), ["second"]);
});

Deno.test("custom tools are called with free text, whole and in pieces, in both APIs", async () => {
  const grammar = { syntax: "regex", definition: "^[a-z]{3}-\\d+$" };
  const strict = { type: "custom", custom: { name: "code", format: { type: "grammar", grammar } } };
  const whole = await answerOf("/v1/chat/completions", { messages, tools: [strict] });
  const [call] = whole.choices[0].message.tool_calls;
  assert.equal(call.type, "custom");
  assert.match(call.custom.input, /^[a-z]{3}-\d+$/);
  const { text } = await post("/v1/chat/completions", { messages, tools: [shout], stream: true });
  const deltas = parseSse(text).events.slice(0, -1).flatMap((event) =>
    JSON.parse(event.data).choices[0].delta.tool_calls ?? []
  );
  assert.equal(deltas[0].custom.name, "shout");
  assert.equal(
    deltas.map((delta: { custom: { input: string } }) => delta.custom.input).join(""),
    "example input",
  );
  const flat = { type: "custom", name: "shout" };
  const response = await answerOf("/v1/responses", { input: "Hi", tools: [flat] });
  assert.equal(response.output[0].type, "custom_tool_call");
  assert.equal(response.output[0].input, "example input");
  const streamed = await post("/v1/responses", { input: "Hi", tools: [flat], stream: true });
  const types = parseSse(streamed.text).events.map((event) => event.type);
  assert.ok(types.includes("response.custom_tool_call_input.delta"));
  assert.ok(types.includes("response.custom_tool_call_input.done"));
});

Deno.test("a grammar that is not solved is said, and another tool is preferred to it", async () => {
  const grammar = { syntax: "lark", definition: 'start: "x"' };
  const lark = { type: "custom", custom: { name: "patch", format: { type: "grammar", grammar } } };
  const { status, text } = await post("/v1/chat/completions", { messages, tools: [lark] });
  assert.equal(status, 400);
  assert.match(text, /grammars of syntax/);
  const both = await answerOf("/v1/chat/completions", { messages, tools: [lark, lookup] });
  assert.equal(both.choices[0].message.tool_calls[0].function.name, "lookup");
});

Deno.test("legacy completions echo the prompt with the log probabilities of both", async () => {
  const answer = await answerOf("/v1/completions", {
    prompt: "a b",
    max_tokens: 1,
    echo: true,
    logprobs: 1,
  });
  const [choice] = answer.choices;
  assert.equal(choice.text, "a bHello");
  const { tokens, token_logprobs, top_logprobs, text_offset } = choice.logprobs;
  assert.deepEqual(tokens, ["a", " b", "Hello"]);
  assert.deepEqual(text_offset, [0, 1, 3]);
  assert.equal(token_logprobs[0], null);
  assert.ok(token_logprobs[1] <= 0);
  assert.equal(top_logprobs[0], null);
  assert.deepEqual(Object.keys(top_logprobs[2]), ["Hello"]);
  assert.equal(answer.usage.completion_tokens, 1);
});

Deno.test("legacy completions stream their log probabilities with rising offsets", async () => {
  const { text } = await post("/v1/completions", { prompt: "Hi", logprobs: 2, stream: true });
  let said = "";
  for (const event of parseSse(text).events.slice(0, -2)) {
    const { logprobs, text: piece } = JSON.parse(event.data).choices[0];
    assert.deepEqual(logprobs.tokens, [piece]);
    assert.deepEqual(logprobs.text_offset, [said.length]);
    assert.equal(Object.keys(logprobs.top_logprobs[0]).length, 2);
    said += piece;
  }
  assert.match(said, /^Hello from/);
});

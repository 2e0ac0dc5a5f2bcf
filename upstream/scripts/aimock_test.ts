/** Fixtures of aimock, read as they are. */
import assert from "node:assert/strict";
import { parseSse } from "../../openai/mod.ts";
import { type Post, withScenario } from "../testing/with_scenario.ts";

const messages = [{ role: "user", content: "weather in Oslo?" }];
const tool = { type: "function", function: { name: "look_up", parameters: {} } };

Deno.test("fixtures of aimock are scenarios: texts by part, tools, turns, sequences, errors", async () => {
  const fixtures = [
    { match: { userMessage: "Oslo", sequenceIndex: 1 }, response: { content: "second" } },
    {
      match: { userMessage: "Oslo", sequenceIndex: 0 },
      response: {
        error: { message: "Slow", type: "rate_limit_error" },
        status: 429,
        retryAfter: 2,
      },
    },
    {
      match: { toolName: "look_up" },
      response: { toolCalls: [{ name: "look_up", arguments: { q: 1 } }] },
    },
    { match: { turnIndex: 1 }, response: { content: { a: 1 } }, chunkSize: 3 },
  ];
  await withScenario(JSON.stringify({ fixtures }), async (post) => {
    const first = await post("/v1/chat/completions", { model: "m", messages });
    assert.equal(first.status, 429);
    assert.equal(first.headers.get("retry-after"), "2");
    await first.body?.cancel();
    const second = await post("/v1/chat/completions", { model: "m", messages });
    assert.match(await second.text(), /second/);
    const other = [{ role: "user", content: "else" }];
    const tools = await post("/v1/chat/completions", {
      model: "m",
      messages: other,
      tools: [tool],
    });
    const called = (await tools.json()).choices[0].message.tool_calls[0];
    assert.deepEqual(JSON.parse(called.function.arguments), { q: 1 });
    const turns = [...other, { role: "assistant", content: "x" }, ...other];
    const turn = await (await post("/v1/chat/completions", { model: "m", messages: turns })).json();
    assert.equal(turn.choices[0].message.content, '{"a":1}');
  });
});

/** Runs a test against a mock that reads these fixtures; a request that none answers is refused. */
function withFixtures(fixtures: readonly object[], use: (post: Post) => unknown): Promise<void> {
  return withScenario(JSON.stringify({ fixtures }), use, { strict: true });
}

const call = {
  role: "assistant",
  content: null,
  tool_calls: [{ id: "call_1", type: "function", function: { name: "look_up", arguments: "{}" } }],
};
const afterTool = [...messages, call, {
  role: "tool",
  tool_call_id: "call_1",
  content: "it rains",
}];

async function said(post: Post, body: object): Promise<string> {
  const response = await post("/v1/chat/completions", { model: "m", ...body });
  const { choices, error } = await response.json();
  return choices?.[0].message.content ?? error?.code ?? "";
}

Deno.test("a sequence of fixtures goes on over tool results, since it looks at what the user said last", async () => {
  const match = { userMessage: "weather" };
  await withFixtures([
    { match: { ...match, sequenceIndex: 0 }, response: { content: "let me look" } },
    { match: { ...match, sequenceIndex: 1 }, response: { content: "rain" } },
  ], async (post) => {
    assert.equal(await said(post, { messages }), "let me look");
    assert.equal(await said(post, { messages: afterTool }), "rain");
  });
});

/** Conditions of fixtures, with a request that fits and one that does not. */
const FIXTURE_FIELDS: readonly (readonly [match: object, fits: object, not: object])[] = [
  [{ toolCallId: "call_1" }, { messages: afterTool }, { messages }],
  [{ toolResultContains: "rains" }, { messages: afterTool }, { messages }],
  [{ userMessage: "weather", hasToolResult: true }, { messages: afterTool }, { messages }],
  [{ turnIndex: 1 }, { messages: afterTool }, { messages }],
  [{ model: "gpt-4o" }, { model: "gpt-4o-2024-08-06", messages }, {
    model: "gpt-4o-mini",
    messages,
  }],
  [{ responseFormat: "json_object" }, {
    messages: [{ role: "user", content: "JSON please" }],
    response_format: { type: "json_object" },
  }, { messages }],
  [{ systemMessage: ["Ada", "a+b"] }, {
    messages: [{ role: "system", content: "name: Ada; a+b" }, ...messages],
  }, { messages: [{ role: "system", content: "name: Ada; aab" }, ...messages] }],
];

for (const [match, fits, not] of FIXTURE_FIELDS) {
  Deno.test(`a fixture looks at ${JSON.stringify(match)}`, async () => {
    await withFixtures([{ match, response: { content: "fits" } }], async (post) => {
      assert.equal(await said(post, fits), "fits");
      assert.equal(await said(post, not), "scenario_not_found");
    });
  });
}

Deno.test("fixtures answer endpoints that do not talk: embeddings, images, speech, transcriptions", async () => {
  await withFixtures([
    { match: { userMessage: "gravity" }, response: { content: "it attracts" } },
    { match: { inputText: "gravity", endpoint: "embedding" }, response: { embedding: [1, 0.5] } },
    { match: { endpoint: "image" }, response: { image: { url: "https://example.com/a.png" } } },
    { match: { endpoint: "speech" }, response: { audio: "aGVsbG8=" } },
  ], async (post) => {
    const embedded = await post("/v1/embeddings", { model: "m", input: "gravity" });
    assert.deepEqual((await embedded.json()).data[0].embedding, [1, 0.5]);
    const drawn = await post("/v1/images/generations", { prompt: "a cat" });
    assert.deepEqual((await drawn.json()).data, [{ url: "https://example.com/a.png" }]);
    const spoken = await post("/v1/audio/speech", { model: "m", input: "x", voice: "alloy" });
    assert.equal(await spoken.text(), "hello");
    assert.equal(
      await said(post, { messages: [{ role: "user", content: "gravity?" }] }),
      "it attracts",
    );
  });
});

Deno.test("fixtures may be blocks, a whole JSON body, and have a pace", async () => {
  await withFixtures([
    {
      match: { userMessage: "blocks" },
      response: {
        blocks: [{ type: "text", text: "first" }, { type: "toolCall", name: "f", arguments: "{}" }],
      },
    },
    {
      match: { userMessage: "whole" },
      response: { json: { choices: [{ index: 0, message: { content: "by hand" } }] } },
    },
    {
      match: { userMessage: "slow" },
      response: { content: "one two" },
      streamingProfile: { ttft: 1, tps: 1000, jitter: 0.5 },
    },
  ], async (post) => {
    const ask = (content: string, more = {}) =>
      post("/v1/chat/completions", {
        model: "m",
        messages: [{ role: "user", content }],
        ...more,
      });
    const { message } = (await (await ask("blocks")).json()).choices[0];
    assert.deepEqual([message.content, message.tool_calls[0].function.name], ["first", "f"]);
    assert.match(await (await ask("whole")).text(), /by hand/);
    const events = parseSse(await (await ask("whole", { stream: true })).text()).events;
    assert.ok(events.length > 2);
    assert.match(await (await ask("slow")).text(), /one two/);
  });
});

/** Answers of scenarios: replies in every dialect, errors, sequences, breaks; and their conditions. */
import assert from "node:assert/strict";
import { parseSse } from "../../openai/mod.ts";
import { OpenAI, type Wire } from "../../openai/testing/sdk.ts";
import { startUpstream } from "../mod.ts";
import { folder } from "../testing/folder.ts";
import { withScenario } from "../testing/with_scenario.ts";

const messages = [{ role: "user", content: "weather in Oslo?" }];
const GEMINI = "/v1beta/models/m";
const contents = [{ role: "user", parts: [{ text: "weather in Oslo?" }] }];

/** The same question to every endpoint that talks, whole and as a stream. */
const ASKED: readonly (readonly [path: string, body: object])[] = [
  ["/v1/chat/completions", { model: "m", messages }],
  ["/v1/chat/completions", { model: "m", messages, stream: true }],
  ["/v1/completions", { model: "m", prompt: "weather in Oslo?" }],
  ["/v1/completions", { model: "m", prompt: "weather in Oslo?", stream: true }],
  ["/v1/responses", { model: "m", input: "weather in Oslo?" }],
  ["/v1/responses", { model: "m", input: "weather in Oslo?", stream: true }],
  ["/v1/messages", { model: "m", max_tokens: 99, messages }],
  ["/v1/messages", { model: "m", max_tokens: 99, messages, stream: true }],
  [`${GEMINI}:generateContent`, { contents }],
  [`${GEMINI}:streamGenerateContent?alt=sse`, { contents }],
];

/** Everything that an answer says under keys that hold text, joined. */
function wordsOf(text: string): string {
  const bodies = text.startsWith("{")
    ? [JSON.parse(text)]
    : parseSse(text).events.filter(({ data }) => data !== "[DONE]").map(({ data }) =>
      JSON.parse(data)
    );
  const types = new Set(["response.completed", "response.output_text.done"]);
  const added = /\.(added|done)$|created$|in_progress$|completed$/;
  return bodies.filter((body) => !added.test(String(body.type)) && !types.has(body.type)).map(
    function words(value: Wire): string {
      if (Array.isArray(value)) return value.map(words).join("");
      if (typeof value !== "object" || value === null) return "";
      return Object.entries(value).map(([key, inside]) =>
        typeof inside === "string"
          ? ["text", "content", "delta"].includes(key) ? inside : ""
          : words(inside)
      ).join("");
    },
  ).join("");
}

for (const [path, body] of ASKED) {
  const kind = "stream" in body || path.includes("alt=sse") ? "streams" : "says";
  Deno.test(`a reply of one line ${kind} on ${path}`, async () => {
    await withScenario("match: { last_message: /weather/ }\nreply: Sunny in Oslo", async (post) => {
      const response = await post(path, body);
      assert.equal(response.status, 200);
      assert.equal(wordsOf(await response.text()), "Sunny in Oslo");
    });
  });
}

const CALL = `reply: { tool_calls: [{ name: get_weather, arguments: { city: Oslo } }] }`;

for (const [path, body] of ASKED.filter(([path]) => !path.endsWith("/v1/completions"))) {
  Deno.test(`a tool call of a reply reaches ${JSON.stringify(body).slice(0, 40)} on ${path}`, async () => {
    await withScenario(`match: {}\n${CALL}`, async (post) => {
      const text = await (await post(path, body)).text();
      assert.match(text, /get_weather/);
      const pieces = parseSse(text).events.map(({ data }) => data).join("");
      const joined = (pieces === "" ? text : pieces).replaceAll(/[\\"]/g, "");
      assert.match(joined, /city/);
    });
  });
}

Deno.test("a reply says its reasoning, usage, finish and pieces as they are written", async () => {
  const yaml = `
match: {}
reply:
  chunks: ["one ", "two"]
  reasoning: thinking hard
  usage: { input: 100, output: 20, cached: 40, reasoning: 5 }
  finish: length
`;
  await withScenario(yaml, async (post) => {
    const chat = await (await post("/v1/chat/completions", { model: "m", messages })).json();
    assert.equal(chat.choices[0].message.reasoning_content, "thinking hard");
    assert.equal(chat.choices[0].finish_reason, "length");
    assert.equal(chat.usage.prompt_tokens_details.cached_tokens, 40);
    assert.equal(chat.usage.total_tokens, 120);
    const message = await (await post("/v1/messages", { model: "m", max_tokens: 9, messages }))
      .json();
    assert.deepEqual(message.content.map((block: Wire) => block.type), ["thinking", "text"]);
    assert.equal(message.stop_reason, "max_tokens");
    assert.equal(message.usage.input_tokens, 60);
    assert.equal(message.usage.cache_read_input_tokens, 40);
    const gemini = await (await post(`${GEMINI}:generateContent`, { contents })).json();
    assert.equal(gemini.usageMetadata.thoughtsTokenCount, 5);
    assert.equal(gemini.candidates[0].finishReason, "MAX_TOKENS");
    const stream = await post("/v1/chat/completions", { model: "m", messages, stream: true });
    const pieces = parseSse(await stream.text()).events.slice(0, -1)
      .map(({ data }) => JSON.parse(data).choices[0].delta.content).filter(Boolean);
    assert.deepEqual(pieces, ["one ", "two"]);
  });
});

Deno.test("a refusal is each dialect's own", async () => {
  await withScenario("match: {}\nreply: { refusal: I cannot do that }", async (post) => {
    const chat = await (await post("/v1/chat/completions", { model: "m", messages })).json();
    assert.equal(chat.choices[0].message.refusal, "I cannot do that");
    assert.equal(chat.choices[0].message.content, null);
    const response = await (await post("/v1/responses", { model: "m", input: "x" })).json();
    assert.equal(response.output[0].content[0].type, "refusal");
    const message = await (await post("/v1/messages", { model: "m", max_tokens: 9, messages }))
      .json();
    assert.equal(message.stop_reason, "refusal");
    const gemini = await (await post(`${GEMINI}:generateContent`, { contents })).json();
    assert.equal(gemini.candidates[0].finishReason, "SAFETY");
  });
});

Deno.test("a sequence is given in its order, and its last answer repeats", async () => {
  await withScenario("match: {}\nanswers: [429, { reply: second }, ok]", async (post) => {
    const statuses: number[] = [];
    const texts: string[] = [];
    for (let i = 0; i < 4; i++) {
      const response = await post("/v1/chat/completions", { model: "m", messages });
      statuses.push(response.status);
      if (i === 0) assert.equal(response.headers.get("retry-after"), "1");
      texts.push(await response.text());
    }
    assert.deepEqual(statuses, [429, 200, 200, 200]);
    assert.match(texts[1] ?? "", /second/);
    assert.match(texts[2] ?? "", /You said/);
    assert.equal(texts[2], texts[3]);
  });
});

Deno.test("OpenAI's client tries again after errors of a sequence", async () => {
  const yaml =
    "match: {}\nanswers: [{ error: { status: 429, retry_after: 0 } }, 500, { reply: At last }]";
  using path = await folder({ "a.yaml": yaml });
  await using upstream = await startUpstream({ pace: "none", scenarios: `${path}` });
  const client = new OpenAI({ apiKey: "k", baseURL: `${upstream.url}/v1`, maxRetries: 2 });
  const answer = await client.chat.completions.create({ model: "m", messages });
  assert.equal(answer.choices[0].message.content, "At last");
  assert.deepEqual(upstream.journal.entries().map(({ status }) => status), [429, 500, 200]);
});

/** Place of each dialect's own word for the kind of an error, by status. */
const ERRORS:
  readonly (readonly [status: number, openai: string, anthropic: string, gemini: string])[] = [
    [400, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT"],
    [401, "authentication_error", "authentication_error", "UNAUTHENTICATED"],
    [403, "permission_error", "permission_error", "PERMISSION_DENIED"],
    [404, "invalid_request_error", "not_found_error", "NOT_FOUND"],
    [413, "invalid_request_error", "request_too_large", "INVALID_ARGUMENT"],
    [429, "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED"],
    [500, "server_error", "api_error", "INTERNAL"],
    [529, "server_error", "overloaded_error", "UNAVAILABLE"],
  ];

for (const [status, ...kinds] of ERRORS) {
  Deno.test(`an error ${status} has the shape of the dialect that asks`, async () => {
    await withScenario(`match: {}\nerror: { status: ${status}, retry_after: 3 }`, async (post) => {
      const answers = [
        await post("/v1/chat/completions", { model: "m", messages }),
        await post("/v1/messages", { model: "m", max_tokens: 9, messages }),
        await post(`${GEMINI}:generateContent`, { contents }),
      ];
      const found: string[] = [];
      for (const [i, answer] of answers.entries()) {
        assert.equal(answer.status, status);
        assert.equal(answer.headers.get("retry-after"), "3");
        const { error } = await answer.json();
        found.push(i === 2 ? error.status : error.type);
      }
      assert.deepEqual(found, kinds);
    });
  });
}

Deno.test("a reply breaks off where it is told to, with the half that was said", async () => {
  await withScenario(
    "match: {}\nreply: { text: one two three, abort: fin, after: 3 }",
    async (post) => {
      const response = await post("/v1/chat/completions", { model: "m", messages, stream: true });
      const decoder = new TextDecoder();
      let text = "";
      await assert.rejects(async () => {
        for await (const piece of response.body ?? []) text += decoder.decode(piece);
      });
      assert.match(text, /one/);
      assert.doesNotMatch(text, /three|DONE/);
      const whole = await post("/v1/chat/completions", { model: "m", messages });
      await assert.rejects(whole.text());
    },
  );
});

const tool = { type: "function", function: { name: "look_up", parameters: {} } };
const call = {
  role: "assistant",
  content: null,
  tool_calls: [{ id: "c", type: "function", function: { name: "look_up", arguments: "{}" } }],
};
const image = { type: "image_url", image_url: { url: "data:," } };

/** Each field of a match, with a request that fits and one that does not. */
const FIELDS: readonly (readonly [match: string, fits: object, not: object])[] = [
  ["stream: true", { messages, stream: true }, { messages }],
  ["stream: false", { messages }, { messages, stream: true }],
  ["system: /pirate/", {
    messages: [{ role: "developer", content: "be a pirate" }, ...messages],
  }, { messages }],
  ["tools: look_up", { messages, tools: [tool] }, { messages }],
  ["tools: [/look/, look_up]", { messages, tools: [tool] }, { messages }],
  ["tools: false", { messages }, { messages, tools: [tool] }],
  ["tool_result: /42/", {
    messages: [...messages, call, { role: "tool", tool_call_id: "c", content: "it is 42" }],
  }, { messages }],
  ["tool_result: false", { messages }, {
    messages: [...messages, call, { role: "tool", tool_call_id: "c", content: "x" }],
  }],
  ["turn: 2", {
    messages: [...messages, { role: "assistant", content: "x" }, ...messages],
  }, { messages }],
  ["images: true", { messages: [{ role: "user", content: [image] }] }, { messages }],
  ["images: 2", { messages: [{ role: "user", content: [image, image] }] }, {
    messages: [{ role: "user", content: [image] }],
  }],
];

for (const [match, fits, not] of FIELDS) {
  Deno.test(`a scenario looks at "${match}"`, async () => {
    await withScenario(`match: { ${match} }\nreply: fits`, async (post) => {
      const said = async (body: object) =>
        await (await post("/v1/chat/completions", { model: "m", ...body })).text();
      const yes = await said(fits);
      assert.ok(!/You said/.test(yes), yes);
      assert.doesNotMatch(await said(not), /fits/);
    });
  });
}

Deno.test("a scenario looks at the dialect, and sees tool results of each", async () => {
  const yaml = "match: { dialect: anthropic, tool_result: /sunny/ }\nreply: fits";
  await withScenario(yaml, async (post) => {
    const used = { type: "tool_use", id: "t", name: "look_up", input: {} };
    const result = { type: "tool_result", tool_use_id: "t", content: "sunny" };
    const turns = [...messages, { role: "assistant", content: [used] }, {
      role: "user",
      content: [result],
    }];
    const yes = await post("/v1/messages", { model: "m", max_tokens: 9, messages: turns });
    assert.match(await yes.text(), /fits/);
    const no = await post("/v1/chat/completions", { model: "m", messages });
    assert.doesNotMatch(await no.text(), /fits/);
  });
});

Deno.test("a file may hold a list, whose names follow from the file's", async () => {
  const yaml = "- match: { model: a }\n  reply: first\n- match: { model: b }\n  reply: second";
  await withScenario(yaml, async (post) => {
    const second = await post("/v1/chat/completions", { model: "b", messages });
    assert.match(await second.text(), /second/);
    const named = await post("/v1/chat/completions", { model: "x", messages }, {
      "x-mock-script": "a-1",
    });
    assert.match(await named.text(), /first/);
  });
});

Deno.test("metadata.mock may be a reply or an error, where headers are stripped", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const client = new OpenAI({ apiKey: "k", baseURL: `${upstream.url}/v1`, maxRetries: 0 });
  const answer = await client.chat.completions.create({
    model: "m",
    messages,
    metadata: { mock: '{"reply":"from the body"}' },
  });
  assert.equal(answer.choices[0].message.content, "from the body");
  await assert.rejects(
    client.chat.completions.create({ model: "m", messages, metadata: { mock: '{"error":429}' } }),
    OpenAI.RateLimitError,
  );
});

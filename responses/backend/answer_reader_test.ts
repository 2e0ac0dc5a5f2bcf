/** Failures in the place of answers, in the shapes and words of the servers that send them. */
import assert from "node:assert/strict";
import { AnswerReader } from "./answer_reader.ts";
import type { ChatDelta } from "./chat.ts";
import { CONTEXT_LIMITS, isTooLong } from "./context_limits.ts";
import { BackendError } from "./errors.ts";
import { finishOf } from "./finish_reasons.ts";

function reader(): AnswerReader {
  return new AnswerReader({ endpoint: "http://model", model: "m" });
}

function failure(work: () => unknown): BackendError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof BackendError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "expected a failure" });
}

const SHAPES: readonly {
  readonly server: string;
  readonly body: unknown;
  readonly event?: string;
  readonly status: number;
  readonly code?: string;
  readonly says?: RegExp;
}[] = [
  { server: "OpenAI", body: { error: { message: "busy", type: "server_error" } }, status: 502 },
  {
    server: "OpenRouter, a status as the code",
    body: { error: { message: "slow down", code: 429 } },
    status: 429,
    code: "rate_limit_exceeded",
    says: /^slow down$/,
  },
  {
    server: "OpenRouter, in the choice",
    body: { choices: [{ error: { message: "down", code: 503 }, finish_reason: "error" }] },
    status: 503,
  },
  {
    server: "vLLM before 0.9",
    body: { object: "error", message: "too big", type: "BadRequestError", code: 400 },
    status: 400,
    says: /too big/,
  },
  {
    server: "Gemini",
    body: [{ error: { code: 429, message: "quota", status: "RESOURCE_EXHAUSTED" } }],
    status: 429,
  },
  {
    server: "Anthropic",
    body: { type: "error", error: { type: "overloaded_error", message: "Overloaded" } },
    status: 503,
  },
  { server: "FastAPI", body: { detail: "Not ready" }, status: 502, says: /Not ready/ },
  { server: "a plain text", body: { error: "model runner has stopped" }, status: 502 },
  {
    server: "an event of that name",
    body: { message: "cancelled" },
    event: "error",
    status: 502,
    says: /cancelled/,
  },
  {
    server: "MiniMax",
    body: { choices: null, base_resp: { status_code: 1004, status_msg: "login fail" } },
    status: 502,
    says: /login fail/,
  },
  {
    server: "DashScope",
    body: { code: "InvalidParameter", message: "Range of input length should be [1, 6000]" },
    status: 502,
  },
  {
    server: "a list of errors",
    body: { errors: [{ message: "boom" }] },
    status: 502,
    says: /boom/,
  },
  { server: "Nest", body: { statusCode: 429, message: "busy" }, status: 429 },
  {
    server: "a proxy's wrapper",
    body: { error: { error: { message: "busy", code: 429 } } },
    status: 429,
    says: /^busy$/,
  },
];

for (const { server, body, event, status, code, says } of SHAPES) {
  Deno.test(`an error in the place of an answer is one: ${server}`, () => {
    const error = failure(() => reader().read(JSON.stringify(body), event));
    assert.equal(error.status, status);
    if (code !== undefined) assert.equal(error.code, code);
    if (says !== undefined) assert.match(error.message, says);
  });
}

Deno.test("an error's own words on waiting are passed on", () => {
  const body = { error: { message: "wait", code: 429, retry_after: 2.5 } };
  assert.equal(failure(() => reader().read(JSON.stringify(body))).retryAfter, "3");
});

Deno.test("a word for failure at the end is thrown after what came before it", () => {
  for (const word of ["error", "abort", "insufficient_system_resource", "words-of-tomorrow"]) {
    const read = reader();
    const chunk = { choices: [{ delta: { content: "Hel" }, finish_reason: word }] };
    assert.deepEqual(read.read(JSON.stringify(chunk)), [{ kind: "text", text: "Hel" }]);
    assert.match(failure(() => read.end()).message, new RegExp(word));
  }
});

Deno.test("each known word for an end says whether the answer is whole", () => {
  assert.deepEqual(finishOf("STOP"), { kind: "whole" });
  assert.deepEqual(finishOf("MAX_TOKENS"), { kind: "cut", reason: "max_output_tokens" });
  assert.deepEqual(finishOf("safety"), { kind: "cut", reason: "content_filter" });
  assert.deepEqual(finishOf("FINISH_REASON_STOP"), { kind: "whole" });
  assert.deepEqual(finishOf("FINISH_REASON_UNSPECIFIED"), { kind: "failed" });
  assert.deepEqual(finishOf("constructor"), { kind: "failed" });
});

Deno.test("an answer without a choice, or without an end, is none", () => {
  const empty = reader();
  empty.read('{"choices":[],"usage":{"prompt_tokens":3}}');
  empty.read("[DONE]");
  assert.equal(failure(() => empty.end()).code, "backend_error");
  const cut = reader();
  cut.read('{"choices":[{"delta":{"content":"a"}}]}');
  assert.match(failure(() => cut.end()).message, /broke off/);
});

Deno.test("fields are read by their types: objects, parts and nulls are no text by force", () => {
  const message = {
    content: [
      { type: "thinking", thinking: [{ type: "text", text: "hm" }] },
      { type: "text", text: "Hi" },
    ],
    reasoning_content: null,
    refusal: null,
    tool_calls: [{ id: 7, index: null, function: { name: "f", arguments: { a: { b: null } } } }],
  };
  const body = { choices: [{ message, finish_reason: "stop" }], usage: { prompt_tokens: "5" } };
  const expected: ChatDelta[] = [
    { kind: "reasoning", text: "hm" },
    { kind: "text", text: "Hi" },
    {
      kind: "tool_call",
      place: { at: 0, of: 1 },
      id: "7",
      name: "f",
      arguments: '{"a":{"b":null}}',
    },
    { kind: "finish", reason: "stop" },
    { kind: "usage", usage: { input: 5, output: 0, cached: 0, reasoning: 0 } },
  ];
  assert.deepEqual(reader().read(JSON.stringify(body)), expected);
});

/** Fields of servers' own, and their meaning. */
const FIELDS: readonly [server: string, body: object, said: ChatDelta[]][] = [
  ["a choice that is not the first", {
    choices: [{ index: 1, delta: { content: "b" } }, { index: 0, delta: { content: "a" } }],
  }, [{ kind: "text", text: "a" }]],
  ["Ollama's thoughts", { choices: [{ delta: { thinking: "hm" } }] }, [
    { kind: "reasoning", text: "hm" },
  ]],
  ["Gemini's thoughts", {
    choices: [{ delta: { content: "hm", extra_content: { google: { thought: true } } } }],
  }, [{ kind: "reasoning", text: "hm" }]],
  ["text completions", { choices: [{ text: "a" }] }, [{ kind: "text", text: "a" }]],
  ["one call that is no list, its function left out", {
    choices: [{ delta: { tool_calls: { id: "a", index: "1", name: "f", arguments: "{}" } } }],
  }, [{
    kind: "tool_call",
    place: { at: 0, of: 1 },
    index: 1,
    id: "a",
    name: "f",
    arguments: "{}",
  }]],
  ["Gemini's signature of a thought", {
    choices: [{
      delta: {
        tool_calls: [{
          function: { name: "f", arguments: "" },
          extra_content: { google: { thought_signature: "s" } },
        }],
      },
    }],
  }, [{
    kind: "tool_call",
    place: { at: 0, of: 1 },
    name: "f",
    arguments: "",
    extra: { google: { thought_signature: "s" } },
  }]],
  ["Groq's usage", { choices: [], x_groq: { usage: { prompt_tokens: 5, completion_tokens: 0 } } }, [
    { kind: "usage", usage: { input: 5, output: 0, cached: 0, reasoning: 0 } },
  ]],
  ["Moonshot's usage", {
    choices: [{ usage: { prompt_tokens: 5, completion_tokens: 2 } }],
  }, [{ kind: "usage", usage: { input: 5, output: 2, cached: 0, reasoning: 0 } }]],
  ["DeepSeek's cache, SGLang's thoughts", {
    usage: {
      prompt_tokens: 5,
      prompt_cache_hit_tokens: 4,
      completion_tokens: 3,
      reasoning_tokens: 2,
    },
  }, [{ kind: "usage", usage: { input: 5, output: 3, cached: 4, reasoning: 2 } }]],
];

for (const [server, body, said] of FIELDS) {
  Deno.test(`fields of their own are read: ${server}`, () => {
    assert.deepEqual(reader().read(JSON.stringify(body)), said);
  });
}

Deno.test("what comes after [DONE] is no part of the answer, however [DONE] is written", () => {
  const read = reader();
  read.read('{"choices":[{"delta":{"content":"a"}}]}');
  read.read(" [DONE] ");
  assert.deepEqual(read.read('{"choices":[{"delta":{"content":"b"}}]}'), []);
  read.end();
});

for (const { server, example } of CONTEXT_LIMITS) {
  Deno.test(`a request that is too long is known by the words of ${server}`, () => {
    assert.ok(isTooLong({ message: example }));
    const body = { error: { message: example, code: 400 } };
    assert.equal(
      failure(() => reader().read(JSON.stringify(body))).code,
      "context_length_exceeded",
    );
  });
}

Deno.test("a limit of tokens a minute is no limit of the context", () => {
  const message =
    "Request too large: limit 6000 tokens per minute, please reduce the length of the messages";
  const error = failure(() => reader().read(JSON.stringify({ error: { message, code: 429 } })));
  assert.equal(error.code, "rate_limit_exceeded");
});

/** Journeys through a real Envoy: what the router's metrics say of answers that it never saw. */
import type { RouterPart } from "../../gateway/profiles/mod.ts";
import assert from "node:assert/strict";
import type { Gateway } from "../../gateway/mod.ts";
import { delay, withDeadline } from "../../service/mod.ts";
import type { UpstreamStep } from "../../upstream/mod.ts";
import {
  CHAT,
  chat,
  done,
  EVENT_STREAM,
  exchanges,
  metrics,
  post,
  script,
  startRouterGateway,
} from "../testing/router_stack.ts";
import { OLDER_ENVOY } from "../testing/stack.ts";

/** Every sample, by its name; labels of one name summed. */
function sums(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const [, name = "", value] of text.matchAll(/^([a-z_:]+)(?:\{.*\})? (\S+)$/gm)) {
    found.set(name, (found.get(name) ?? 0) + Number(value));
  }
  return found;
}

/** Waits until Envoy has told of so many answers, and nothing runs; returns all samples. */
async function told(gateway: Gateway<RouterPart>, answers: number): Promise<Map<string, number>> {
  const look = async () => {
    while (true) {
      const found = sums(await metrics(gateway));
      const running = found.get("llmgate_router_in_flight_requests");
      if (found.get("llmgate_router_answers_total") === answers && running === 0) return found;
      await delay(5);
    }
  };
  return await withDeadline(look(), 20_000, `The router heard of ${answers} answers`);
}

const usage = (input: number, output: number) =>
  JSON.stringify({
    model: "served-model",
    usage: { prompt_tokens: input, completion_tokens: output },
  });
const JSON_TYPE = { headers: { headers: { "content-type": "application/json" } } };

/** Each is one answer, and what it must add. */
const ANSWERS: readonly {
  readonly what: string;
  readonly steps: UpstreamStep[];
  readonly tokens: number;
  readonly firstTokens: number;
}[] = [
  {
    what: "an answer in one piece",
    steps: [JSON_TYPE, { write: usage(7, 3) }, { end: true }],
    tokens: 10,
    firstTokens: 0,
  },
  {
    what: "one whose content speaks of usage",
    steps: [
      JSON_TYPE,
      { write: JSON.stringify({ content: '"usage":{"prompt_tokens":1000}' }).slice(0, -1) },
      { write: `,${usage(2, 1).slice(1)}` },
      { end: true },
    ],
    tokens: 3,
    firstTokens: 0,
  },
  {
    what: "a large one without usage",
    steps: [JSON_TYPE, { write: `{"data":"${"x".repeat(3_000_000)}"}` }, { end: true }],
    tokens: 0,
    firstTokens: 0,
  },
  {
    what: "a stream with usage in its last chunk, cut in two",
    steps: [
      EVENT_STREAM,
      { event: { data: '{"usage":null}' } },
      { write: `data: ${usage(5, 2).slice(0, 20)}` },
      { write: `${usage(5, 2).slice(20)}\n\n` },
      { event: { data: "[DONE]" } },
      { end: true },
    ],
    tokens: 7,
    firstTokens: 1,
  },
  {
    what: "a stream without usage",
    steps: [EVENT_STREAM, { event: { data: "1" } }, { event: { data: "[DONE]" } }, { end: true }],
    tokens: 0,
    firstTokens: 1,
  },
  {
    what: "a failure",
    steps: [
      { headers: { status: 500, headers: { "content-type": "application/json" } } },
      { write: '{"error":{}}' },
      { end: true },
    ],
    tokens: 0,
    firstTokens: 0,
  },
];

for (const envoyVersion of [undefined, OLDER_ENVOY]) {
  const on = `on Envoy ${envoyVersion ?? "(default)"}`;
  const version = envoyVersion === undefined ? {} : { envoyVersion };

  Deno.test(`tokens and times of answers are known, whatever their shape ${on}`, async (t) => {
    await using gateway = await startRouterGateway({
      ...version,
      router: { health: { limits: { failures: Infinity } } },
    });
    let [count, tokens, firstTokens] = [0, 0, 0];
    for (const answer of ANSWERS) {
      await t.step(answer.what, async () => {
        await done(await chat(gateway, script(gateway, answer.steps)));
        count++;
        tokens += answer.tokens;
        firstTokens += answer.firstTokens;
        const found = await told(gateway, count);
        assert.equal(found.get("llmgate_router_tokens_total") ?? 0, tokens);
        assert.equal(found.get("gen_ai_client_token_usage_sum") ?? 0, tokens);
        assert.equal(found.get("gen_ai_server_request_duration_seconds_count"), count);
        assert.equal(
          found.get("gen_ai_server_time_to_first_token_seconds_count") ?? 0,
          firstTokens,
        );
      });
    }
    assert.match(
      await metrics(gateway),
      /gen_ai_server_request_duration_seconds_count\{.*error_type="500".*\} 1\n/,
    );
    const labels = [
      'gen_ai_operation_name="chat"',
      'gen_ai_provider_name="openai"',
      'gen_ai_request_model="gpt-3.5-turbo"',
      'gen_ai_response_model="served-model"',
    ].join(",");
    assert.ok((await metrics(gateway)).includes(`gen_ai_client_token_usage_count{${labels},`));
    assert.match(await metrics(gateway), /^vllm:num_requests_running\{server="http:[^"]+"\} 0$/m);
  });

  Deno.test(`a stream that is left has its first token, and is in flight until then ${on}`, async () => {
    await using gateway = await startRouterGateway(version);
    const leave = new AbortController();
    const response = await post(gateway, "/v1/chat/completions", {
      body: CHAT,
      headers: script(gateway, [EVENT_STREAM, { event: { data: "1" } }, { hang: true }]),
      signal: leave.signal,
    });
    const reader = response.body?.getReader();
    await reader?.read();
    assert.equal(sums(await metrics(gateway)).get("llmgate_router_in_flight_requests"), 1);
    leave.abort();
    await assert.rejects(reader?.read() ?? Promise.resolve());
    const found = await told(gateway, 1);
    assert.equal(found.get("gen_ai_server_time_to_first_token_seconds_count"), 1);
    assert.equal(found.get("gen_ai_server_time_per_output_token_seconds_count") ?? 0, 0);
  });
}

Deno.test("a client that takes compressed answers gets one whose tokens can be counted", async () => {
  await using gateway = await startRouterGateway({});
  await done(
    await post(gateway, "/v1/chat/completions", {
      body: CHAT,
      headers: { "accept-encoding": "gzip, br" },
    }),
  );
  const found = await told(gateway, 1);
  assert.ok((found.get("llmgate_router_tokens_total") ?? 0) > 0);
  const asked = exchanges(gateway).flat().flatMap(({ headers }) => headers);
  assert.deepEqual(asked.filter(([name]) => name === "accept-encoding"), [
    ["accept-encoding", "identity"],
  ]);
});

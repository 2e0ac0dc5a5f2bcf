/** Whole JSON answers that a scenario writes by hand. */
import assert from "node:assert/strict";
import { parseSse } from "../../openai/mod.ts";
import type { Wire } from "../../openai/testing/sdk.ts";
import { withScenario } from "../testing/with_scenario.ts";

const messages = [{ role: "user", content: "weather in Oslo?" }];

const WHOLE = {
  object: "chat.completion",
  choices: [{
    index: 0,
    message: {
      role: "assistant",
      content: "by hand",
      tool_calls: [{ id: "call_7", type: "function", function: { name: "f", arguments: "{}" } }],
    },
    finish_reason: "tool_calls",
  }],
  usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
};

Deno.test("a whole JSON answer of a scenario streams to who asks for events, and is exact otherwise", async () => {
  const body = JSON.stringify(WHOLE);
  const head = "headers: { headers: { content-type: application/json } }";
  const yaml = `match: {}\nsteps: [{ ${head} }, { write: ${JSON.stringify(body)} }]`;
  await withScenario(yaml, async (post) => {
    const whole = await post("/v1/chat/completions", { model: "m", messages });
    assert.equal(await whole.text(), body);
    const usage = { stream_options: { include_usage: true } };
    const stream = await post("/v1/chat/completions", {
      model: "m",
      messages,
      stream: true,
      ...usage,
    });
    assert.match(stream.headers.get("content-type") ?? "", /event-stream/);
    const chunks = parseSse(await stream.text()).events.slice(0, -1).map(({ data }) =>
      JSON.parse(data)
    );
    const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }: Wire) => delta));
    assert.equal(deltas.map(({ content }) => content ?? "").join(""), "by hand");
    assert.equal(deltas.find(({ tool_calls }) => tool_calls)?.tool_calls[0].id, "call_7");
    assert.equal(chunks.at(-1)?.usage.total_tokens, 7);
  });
});

Deno.test("a script with a fault in it stays as it is written, streamed or not", async () => {
  const head = "headers: { headers: { content-type: application/json } }";
  const yaml =
    `match: {}\nsteps: [{ ${head} }, { write: '{"choices":[]}' }, { sleep: 1 }, { write: " " }]`;
  await withScenario(yaml, async (post) => {
    const stream = await post("/v1/chat/completions", { model: "m", messages, stream: true });
    assert.equal(await stream.text(), '{"choices":[]} ');
  });
});

// The model is a mock: told what to answer, asked what it saw.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { startUpstream } from "@llmgate/testing";
import { ask } from "./ask.js";

let upstream;

before(async () => {
  upstream = await startUpstream({ strict: true });
});
beforeEach(() => upstream.reset());
after(() => upstream.close());

test("the answer comes in pieces", async () => {
  await upstream.reply("It is sunny.", { last_message: "/weather/i", stream: true });
  const pieces = [];
  const answer = await ask("Weather?", {
    baseURL: upstream.baseURL,
    say: (piece) => pieces.push(piece),
  });
  assert.equal(answer, "It is sunny.");
  assert.deepEqual(pieces, ["It", " is", " sunny."]);
});

test("a refused request is asked again", async () => {
  await upstream.answers([{ error: { status: 429, retry_after: 0 } }, { reply: "At last." }]);
  assert.equal(await ask("Hello", { baseURL: upstream.baseURL }), "At last.");
  await upstream.asked(2);
});

test("a tool is called, and the model hears what it said", async () => {
  await upstream.reply({ tool_calls: [{ name: "get_weather", arguments: { city: "Paris" } }] }, {
    tool_result: false,
  });
  await upstream.reply("Take your sunglasses.", { tool_result: "/sunny/" });
  assert.equal(await ask("Weather?", { baseURL: upstream.baseURL }), "Take your sunglasses.");
  const [, second] = await upstream.asked(2);
  assert.equal(second.body.messages.at(-1).content, "sunny");
});

test("who stops listening cancels the request", async () => {
  await upstream.reply({ text: "one two three", pace: "ttft=0,itl=60000" });
  const stop = new AbortController();
  const asking = ask("Count", {
    baseURL: upstream.baseURL,
    signal: stop.signal,
    say: () => stop.abort(),
  });
  await assert.rejects(asking, /abort/i);
  await upstream.cancelled();
});

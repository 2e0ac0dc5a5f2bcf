import assert from "node:assert/strict";
import { conversationOf } from "./conversation.ts";

const event = (json: unknown) => `data: ${JSON.stringify(json)}`;

const SAID: Readonly<Record<string, readonly string[]>> = {
  "Chat Completions, streamed": [
    event({ choices: [{ index: 0, delta: { role: "assistant" } }] }),
    event({ choices: [{ index: 0, delta: { content: "Hel" } }] }),
    event({ choices: [{ index: 0, delta: { content: "lo" } }] }),
    event({
      choices: [{
        index: 0,
        delta: { tool_calls: [{ index: 0, function: { name: "f", arguments: "{" } }] },
      }],
    }),
    event({
      choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: "}" } }] } }],
    }),
    "data: [DONE]",
  ],
  "Chat Completions, whole": [
    JSON.stringify({
      choices: [{
        index: 0,
        message: { content: "Hello", tool_calls: [{ function: { name: "f", arguments: "{}" } }] },
      }],
    }),
  ],
  "Responses, streamed": [
    event({ type: "response.output_text.delta", delta: "Hello" }),
    event({
      type: "response.output_item.done",
      item: { type: "function_call", call_id: "1", name: "f", arguments: "{}" },
    }),
    event({ type: "response.completed", response: { object: "response" } }),
  ],
  "Messages, streamed": [
    `event: content_block_delta\n${
      event({ type: "content_block_delta", index: 0, delta: { text: "Hello" } })
    }`,
    event({
      type: "content_block_start",
      index: 1,
      content_block: { type: "tool_use", name: "f" },
    }),
    event({ type: "content_block_delta", index: 1, delta: { partial_json: "{}" } }),
  ],
  "Gemini": [
    event({
      candidates: [{
        content: { parts: [{ text: "Hello" }, { functionCall: { name: "f", args: {} } }] },
      }],
    }),
  ],
};

for (const [dialect, texts] of Object.entries(SAID)) {
  Deno.test(`an answer is read as text and calls: ${dialect}`, () => {
    assert.deepEqual(conversationOf(texts), {
      said: "Hello",
      calls: [{ name: "f", arguments: "{}" }],
    });
  });
}

Deno.test("what is no JSON, or none of a model's, says nothing", () => {
  const odd = ["data: {", "null", "[1]", event({ choices: 3 }), event({ choices: [null] })];
  assert.deepEqual(conversationOf(odd), { said: "", calls: [] });
});

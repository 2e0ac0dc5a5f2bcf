/** Anthropic's and Google's own clients, in JavaScript and Python, read the mock at their defaults. */
import assert from "node:assert/strict";
import { startUpstream } from "../../upstream/mod.ts";
import { runNpmProgram } from "../foreign/npm_program.ts";
import { pythonOf, run } from "./python_venv.ts";

Deno.test("Anthropic's JavaScript client reads messages, thinking, tool calls, counts and errors", async () => {
  await using upstream = await startUpstream({ pace: "none", models: ["mock-small"] });
  const { text, streamed, after, counted, inputTokens, ...rest } = await runNpmProgram(
    "anthropic.ts",
    upstream.url,
  );
  assert.match(text, /You said: "Hi from Anthropic"/);
  assert.match(streamed, /You said: "Hi from Anthropic"/);
  assert.match(after, /sunny/);
  assert.equal(counted, inputTokens);
  assert.deepEqual(rest, {
    stop: "end_turn",
    kinds: [
      "message_start",
      ...["content_block_start", "content_block_delta", "content_block_stop"],
      ...["content_block_start", "content_block_delta", "content_block_stop"],
      ...["message_delta", "message_stop"],
    ],
    blocks: ["thinking", "text"],
    call: { name: "get_weather", input: { city: "Paris", days: 3 }, stop: "tool_use" },
    models: ["mock-small"],
    short: "max_tokens",
    error: { status: 404, type: "not_found_error", requestID: "string" },
  });
});

Deno.test("Google's JavaScript client reads content, function calls, thoughts, counts and errors", async () => {
  await using upstream = await startUpstream({ pace: "none", models: ["mock-small"] });
  const { text, streamed, second, usage, pieces, counted, ...rest } = await runNpmProgram(
    "google_genai.ts",
    upstream.url,
  );
  assert.match(text, /You said: "Hi from Gemini"/);
  assert.match(streamed, /You said: "Hi from Gemini"/);
  assert.match(second, /You said: "Two"/);
  assert.ok(usage > 5 && pieces > 5 && counted > 3);
  assert.deepEqual(rest, {
    finish: "STOP",
    calls: [{ name: "get_weather", args: { city: "Paris", days: 3 } }],
    thoughts: 10,
    object: { city: "Paris", days: 3 },
    dimensions: 3072,
    error: { status: 404 },
  });
});

Deno.test("the Python clients of Anthropic and Google read the same", async () => {
  await using upstream = await startUpstream({ pace: "none", models: ["mock-small"] });
  const python = await pythonOf("dialects");
  const program = new URL("dialects.py", import.meta.url).pathname;
  const { anthropic, gemini, azure } = JSON.parse(await run(python, [program, upstream.url]));
  assert.match(anthropic.text, /You said: "Hi from Python"/);
  assert.match(anthropic.streamed, /You said: "Hi from Python"/);
  assert.deepEqual(anthropic.call, ["get_weather", { city: "Paris" }, "tool_use"]);
  assert.deepEqual(anthropic.error, ["NotFoundError", 404]);
  assert.match(gemini.text, /You said: "Hi from Python"/);
  assert.match(gemini.streamed, /You said: "Hi from Python"/);
  assert.deepEqual(gemini.call, ["get_weather", { city: "Paris" }]);
  assert.deepEqual(gemini.error, [404, "NOT_FOUND"]);
  assert.match(azure.text, /You said: "Hi from Python"/);
  assert.match(azure.streamed, /You said: "Hi from Python"/);
});

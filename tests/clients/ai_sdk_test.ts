import assert from "node:assert/strict";
import { startUpstream } from "../../upstream/mod.ts";
import { runNpmProgram } from "../foreign/npm_program.ts";

Deno.test("Vercel's AI SDK reads text, streams, tool calls, objects, embeddings and errors", async () => {
  await using upstream = await startUpstream({ pace: "none", models: ["mock-small"] });
  const read = await runNpmProgram("ai_sdk.ts", `${upstream.url}/v1`);
  const { text, outputTokens, streamed, totalTokens, error, ...rest } = read;
  assert.match(text, /You said: "Hi from AI SDK"/);
  assert.ok(outputTokens > 5);
  assert.ok(streamed.length > 1);
  assert.match(streamed.join(""), /You said: "Hi from AI SDK"/);
  assert.ok(totalTokens > 5);
  assert.deepEqual(rest, {
    finishReason: "stop",
    calls: [{ toolName: "get_weather", input: { city: "Paris", days: 3 } }],
    callsFinishReason: "tool-calls",
    object: { city: "Paris", days: 3 },
    dimensions: 1536,
  });
  assert.equal(error.statusCode, 404);
  assert.match(error.message, /does not exist/);
});

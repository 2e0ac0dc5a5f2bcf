import { responsesProfile } from "../../gateway/profiles/mod.ts";
import assert from "node:assert/strict";
import { startTestGateway } from "../testing/stack.ts";
import { pythonOf, run } from "./python_venv.ts";

Deno.test("the official Python client makes, streams and chains responses through Envoy", async () => {
  await using gateway = await startTestGateway({ profile: responsesProfile() });
  const python = await pythonOf("clients");
  const script = new URL("responses.py", import.meta.url).pathname;
  assert.deepEqual(JSON.parse(await run(python, [script, gateway.url])), {
    made: ["completed", true, true],
    read: [true, { k: "v" }, "conv_"],
    items: ["Hello"],
    stream: ["response.created", "response.completed", "completed"],
    numbered: [0, 1, 2, 3],
    call: ["function_call", "weather", ["city"]],
    answered: ["message", true],
    schema: ["n"],
    short: ["incomplete", "max_output_tokens"],
    conversation: ["user", "assistant"],
    background: ["queued", "response.completed", "completed"],
    refused: [
      "response_not_found",
      "previous_response_not_found",
      "invalid_request",
      "invalid_api_key",
    ],
  });
});

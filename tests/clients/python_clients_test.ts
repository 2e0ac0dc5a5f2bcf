import { singleUpstream } from "../../gateway/mod.ts";
import assert from "node:assert/strict";
import { startUpstream, type Upstream } from "../../upstream/mod.ts";
import { startTestGateway } from "../testing/stack.ts";
import { pythonOf, run } from "./python_venv.ts";

Deno.test("the official Python client and LangChain read everything the mock says", async () => {
  await using upstream = await scriptedUpstream();
  await readEverything(upstream.url);
});

Deno.test("the official Python client and LangChain read the same through Envoy", async () => {
  await using upstream = await scriptedUpstream();
  await using gateway = await startTestGateway({
    profile: singleUpstream({ upstream: { url: upstream.url } }),
  });
  await readEverything(gateway.url);
});

async function scriptedUpstream(): Promise<Upstream> {
  const upstream = await startUpstream({ pace: "none", models: ["mock-small"] });
  upstream.scripts.set("limited", {
    steps: [
      { headers: { status: 429, headers: { "content-type": "application/json" } } },
      {
        write: JSON.stringify({
          error: { message: "Slow", type: "rate_limit_error", param: null, code: "rate_limited" },
        }),
      },
    ],
  });
  upstream.scripts.set("broken", {
    steps: [
      { event: { data: { id: "1", object: "chat.completion.chunk", choices: [] } } },
      { barrier: "seen" },
      { abort: "rst" },
    ],
  });
  // The client says that it has the event before the connection breaks.
  upstream.journal.subscribe(({ target }) => {
    if (target === "/v1/models?seen=1") upstream.barriers.release("broken/seen");
  });
  return upstream;
}

async function readEverything(url: string): Promise<void> {
  const python = await pythonOf("clients");
  const facts = JSON.parse(
    await run(python, [new URL("clients.py", import.meta.url).pathname, url]),
  );
  assert.match(facts.chat[0], /You said: "Hi from Python"/);
  assert.ok(facts.chat[1] > 10);
  assert.match(facts.chat_stream[0], /You said: "Hi from Python"/);
  assert.equal(facts.chat_stream[1], "stop");
  assert.ok(facts.chat_stream[2] > 10);
  assert.deepEqual(facts.structured, { city: "Paris", days: 3 });
  const [whole, text, final] = facts.responses;
  assert.match(whole, /You said: "Hi from Python"/);
  assert.equal(text, final);
  assert.deepEqual(facts.embeddings, [16, 16]);
  assert.equal(facts.legacy, "length");
  assert.deepEqual(facts.models, ["mock-small"]);
  assert.equal(facts.moderations, true);
  assert.deepEqual(facts.files, [3, "Received a.wav"]);
  assert.deepEqual(facts.typed_errors, [
    ["NotFoundError", "model_not_found", "model"],
    ["BadRequestError", "invalid_value", "messages"],
    ["RateLimitError", "rate_limited", null],
  ]);
  assert.equal(facts.broken_stream[0], 1);
  assert.notEqual(facts.broken_stream[1], "no error");
  assert.match(facts.langchain_chat[0], /You said: "Hi from LangChain"/);
  assert.match(facts.langchain_chat[1], /You said: "Hi from LangChain"/);
  assert.deepEqual(facts.langchain_tools, ["get_weather", ["city", "days"], ["city", "days"]]);
  assert.deepEqual(facts.langchain_structured, { city: "Paris", days: 3 });
  assert.deepEqual(facts.langchain_embeddings, [16, 16]);
}

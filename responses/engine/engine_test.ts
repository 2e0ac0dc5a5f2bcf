import assert from "node:assert/strict";
import { ApiError } from "../api/errors.ts";
import type { Item, ResponseObject } from "../api/objects.ts";
import { startTestEngine, TENANT, type TestEngine, typesOf } from "../testing/engine.ts";

const TEXT_EVENTS = [
  "output_item.added",
  "content_part.added",
  "output_text.delta",
  "output_text.done",
  "content_part.done",
  "output_item.done",
];

function textOf(response: ResponseObject): string {
  const message = response.output.find(({ type }) => type === "message");
  return (message?.["content"] as { text: string }[] | undefined)?.[0]?.text ?? "";
}

function asked(test: TestEngine, index = -1) {
  return test.model.asked.at(index)?.body;
}

Deno.test("a text answer has the same content whole and streamed, and the API's events", async () => {
  await using test = await startTestEngine();
  const whole = await test.ask({ input: "Hi" });
  assert.equal(whole.status, "completed");
  assert.equal(textOf(whole), "Hello world");
  assert.equal(asked(test).stream, undefined);
  const events = await test.stream({ input: "Hi" });
  assert.deepEqual(typesOf(events), ["created", "in_progress", ...TEXT_EVENTS, "completed"]);
  assert.deepEqual(events.map(({ sequence_number }) => sequence_number), [...events.keys()]);
  const last = events.at(-1)?.["response"] as ResponseObject;
  assert.equal(textOf(last), "Hello world");
  assert.equal(asked(test).stream, true);
  const stored = await test.store.responses.get(TENANT, last.id);
  assert.equal(stored?.response.status, "completed");
  assert.deepEqual(stored?.response.output, last.output);
});

Deno.test("usage is what the model server counted, and none where it does not count", async () => {
  await using test = await startTestEngine();
  const usage = {
    prompt_tokens: 5,
    completion_tokens: 9,
    prompt_tokens_details: { cached_tokens: 2 },
    completion_tokens_details: { reasoning_tokens: 4 },
  };
  test.model.queue({ text: ["x"], usage }, { text: ["x"], usage: null });
  assert.deepEqual((await test.ask({ input: "Hi" }))["usage"], {
    input_tokens: 5,
    input_tokens_details: { cached_tokens: 2 },
    output_tokens: 9,
    output_tokens_details: { reasoning_tokens: 4 },
    total_tokens: 14,
  });
  assert.equal((await test.ask({ input: "Hi" }))["usage"], null);
});

Deno.test("a chain of responses tells the model every earlier turn, oldest first", async () => {
  await using test = await startTestEngine();
  const first = await test.ask({ input: "one", instructions: "be brief" });
  const second = await test.ask({ input: "two", previous_response_id: first.id });
  await test.ask({ input: "three", previous_response_id: second.id, instructions: "be long" });
  assert.deepEqual(asked(test).messages, [
    { role: "system", content: "be long" },
    { role: "user", content: "one" },
    { role: "assistant", content: "Hello world" },
    { role: "user", content: "two" },
    { role: "assistant", content: "Hello world" },
    { role: "user", content: "three" },
  ]);
});

Deno.test("a conversation gains each turn, and the next one knows it", async () => {
  await using test = await startTestEngine();
  const first = await test.ask({ input: "one" });
  assert.ok(first.conversation);
  await test.ask({ input: "two", conversation: { id: first.conversation } });
  assert.deepEqual(
    asked(test).messages.map(({ role }: Item) => role),
    ["user", "assistant", "user"],
  );
  const items = await test.store.conversations.history(TENANT, first.conversation);
  assert.deepEqual(items?.map((item) => item["role"]), ["user", "assistant", "user", "assistant"]);
});

Deno.test("nothing is kept of a response that is not to be stored", async () => {
  await using test = await startTestEngine();
  const made = await test.ask({ input: "Hi", store: false });
  assert.equal(made.status, "completed");
  assert.equal(made.conversation, null);
  assert.equal(await test.store.responses.get(TENANT, made.id), undefined);
});

Deno.test("a prompt becomes the instructions, its variables filled in", async () => {
  await using test = await startTestEngine();
  await test.store.prompts.create(TENANT, {
    id: "prompt_1",
    object: "prompt",
    name: "n",
    description: null,
    template: "Speak {{language}} to {{who}}",
    variables: ["language", "who"],
    version: 1,
    is_default: true,
    created_at: 1,
    updated_at: 1,
    metadata: null,
  });
  const prompt = { id: "prompt_1", variables: { language: "French", extra: "x" } };
  await test.ask({ input: "Hi", prompt });
  assert.equal(asked(test).messages[0].content, "Speak French to {{who}}");
});

Deno.test("what cannot be begun is refused with its reason", async () => {
  await using test = await startTestEngine();
  const cases = [
    { body: { previous_response_id: "resp_x" }, code: "previous_response_not_found" },
    { body: { conversation: "conv_x" }, code: "conversation_not_found" },
    { body: { prompt: { id: "prompt_x" } }, code: "prompt_not_found" },
    { body: { conversation: "a", previous_response_id: "b" }, code: "invalid_request" },
    { body: { prompt: { id: "a" }, instructions: "b" }, code: "invalid_request" },
    { body: { background: true, store: false }, code: "invalid_request" },
    { body: { tools: [{ type: "function" }] }, code: "invalid_request" },
    { body: { tools: [{ type: "mcp", server_label: "nobody" }] }, code: "invalid_request" },
    { body: { input: [{ type: "item_reference", id: "msg_x" }] }, code: "item_not_found" },
    { body: { input: [{ type: "message", role: "user" }] }, code: "invalid_request" },
    { body: { temperature: "hot" }, code: "invalid_request" },
  ];
  for (const { body, code } of cases) {
    await assert.rejects(
      async () => await test.ask({ input: "Hi", ...body }),
      (error) => error instanceof ApiError && error.code === code,
      `${JSON.stringify(body)} is ${code}`,
    );
  }
  assert.equal(test.model.asked.length, 0);
});

Deno.test("sampling, limits, formats and tools are handed through in the model server's words", async () => {
  await using test = await startTestEngine();
  await test.ask({
    input: "Hi",
    temperature: 0.5,
    top_p: 0.9,
    max_output_tokens: 64,
    frequency_penalty: 1,
    seed: 7,
    stop: ["x"],
    reasoning: { effort: "low" },
    text: { format: { type: "json_schema", name: "s", schema: { type: "object" }, strict: true } },
    tools: [{ type: "function", name: "f", parameters: { type: "object" } }],
    tool_choice: { type: "function", name: "f" },
    parallel_tool_calls: false,
  });
  const { messages: _, ...body } = asked(test);
  assert.deepEqual(body, {
    model: "m",
    temperature: 0.5,
    top_p: 0.9,
    max_tokens: 64,
    frequency_penalty: 1,
    seed: 7,
    stop: ["x"],
    reasoning_effort: "low",
    response_format: {
      type: "json_schema",
      json_schema: { name: "s", schema: { type: "object" }, strict: true },
    },
    tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
    tool_choice: { type: "function", function: { name: "f" } },
    parallel_tool_calls: false,
  });
});

Deno.test("messages with images and files, calls and their outputs reach the model", async () => {
  await using test = await startTestEngine({
    files: {
      read: (_, id) =>
        Promise.resolve(
          id === "file_1"
            ? { filename: "a.pdf", mimeType: "application/pdf", bytes: new Uint8Array([1, 2]) }
            : undefined,
        ),
    },
  });
  const image = { type: "input_image", image_url: "data:image/png;base64,AA==", detail: "low" };
  await test.ask({
    input: [
      {
        role: "user",
        content: [{ type: "input_text", text: "look" }, image, {
          type: "input_file",
          file_id: "file_1",
        }],
      },
      { type: "function_call", call_id: "c1", name: "f", arguments: "{}" },
      { type: "function_call", call_id: "c2", name: "g", arguments: "{}" },
      { type: "function_call_output", call_id: "c1", output: "1" },
      { type: "function_call_output", call_id: "c2", output: [{ type: "output_text", text: "2" }] },
      { type: "reasoning", summary: [] },
    ],
  });
  const call = (id: string, name: string) => ({
    id,
    type: "function",
    function: { name, arguments: "{}" },
  });
  assert.deepEqual(asked(test).messages, [
    {
      role: "user",
      content: [
        { type: "text", text: "look" },
        { type: "image_url", image_url: { url: "data:image/png;base64,AA==", detail: "low" } },
        {
          type: "file",
          file: { file_data: "data:application/pdf;base64,AQI=", filename: "a.pdf" },
        },
      ],
    },
    { role: "assistant", content: null, tool_calls: [call("c1", "f"), call("c2", "g")] },
    { role: "tool", tool_call_id: "c1", content: "1" },
    { role: "tool", tool_call_id: "c2", content: "2" },
  ]);
  const missing = { type: "input_file", file_id: "file_2" };
  await assert.rejects(
    test.ask({ input: [{ role: "user", content: [missing] }] }),
    (error) => error instanceof ApiError && error.code === "file_not_found",
  );
});

Deno.test("a caller's function is called, streamed, and its result taken up", async () => {
  await using test = await startTestEngine();
  test.model.queue({ calls: [{ name: "weather", arguments: { city: "Oslo" } }] });
  const tools = [{ type: "function", name: "weather", parameters: { type: "object" } }];
  const events = await test.stream({ input: "Weather?", tools });
  assert.deepEqual(typesOf(events), [
    "created",
    "in_progress",
    "output_item.added",
    "function_call_arguments.delta",
    "function_call_arguments.done",
    "output_item.done",
    "completed",
  ]);
  const made = events.at(-1)?.["response"] as ResponseObject;
  const [call] = made.output;
  assert.equal(call?.["arguments"], '{"city":"Oslo"}');
  const output = { type: "function_call_output", call_id: call?.["call_id"], output: "cold" };
  const next = await test.ask({ input: [output], previous_response_id: made.id, tools });
  assert.equal(textOf(next), "Hello world");
  assert.deepEqual(
    asked(test).messages.map(({ role }: Item) => role),
    ["user", "assistant", "tool"],
  );
});

Deno.test("reasoning and refusals are items of their own", async () => {
  await using test = await startTestEngine();
  test.model.queue({ reasoning: "hmm", text: ["ok"] }, { refusal: "no" });
  const thought = await test.stream({ input: "Hi" });
  assert.deepEqual(typesOf(thought), [
    "created",
    "in_progress",
    "output_item.added",
    "content_part.added",
    "reasoning_text.delta",
    "reasoning_text.done",
    "content_part.done",
    "output_item.done",
    ...TEXT_EVENTS,
    "completed",
  ]);
  const refused = await test.ask({ input: "Hi" });
  assert.deepEqual(refused.output[0]?.["content"], [{ type: "refusal", refusal: "no" }]);
});

Deno.test("an answer that was cut short is incomplete, with the reason", async () => {
  await using test = await startTestEngine();
  test.model.queue({ text: ["Hel"], finish: "length" }, { text: [""], finish: "content_filter" });
  const cut = await test.stream({ input: "Hi" });
  assert.equal(cut.at(-1)?.type, "response.incomplete");
  const response = cut.at(-1)?.["response"] as ResponseObject;
  assert.equal(response.status, "incomplete");
  assert.deepEqual(response["incomplete_details"], { reason: "max_output_tokens" });
  assert.equal(response.output[0]?.["status"], "incomplete");
  const filtered = await test.ask({ input: "Hi" });
  assert.deepEqual(filtered["incomplete_details"], { reason: "content_filter" });
});

Deno.test("truncation auto leaves out the oldest turns until the model takes the rest", async () => {
  await using test = await startTestEngine();
  const refuse = {
    status: 400,
    body: { error: { message: "too long", code: "context_length_exceeded" } },
  };
  const input = ["a", "b", "c", "d"].map((content) => ({ role: "user", content }));
  test.model.queue({ refuse });
  await assert.rejects(
    test.ask({ input }),
    (error) => error instanceof ApiError && error.code === "context_length_exceeded",
  );
  test.model.queue({ refuse }, { refuse });
  const made = await test.ask({ input, truncation: "auto" });
  assert.equal(made.status, "completed");
  assert.deepEqual(asked(test).messages, [{ role: "user", content: "d" }]);
});

Deno.test("no id of another tenant is readable", async () => {
  await using test = await startTestEngine();
  const made = await test.ask({ input: "Hi" });
  for (
    const body of [{ previous_response_id: made.id }, { conversation: String(made.conversation) }]
  ) {
    await assert.rejects(test.ask({ input: "Hi", ...body }, { tenant: "other" }), ApiError);
  }
  await assert.rejects(test.engine.cancel("other", made.id), ApiError);
  assert.equal(test.engine.follow("other", made.id), undefined);
});

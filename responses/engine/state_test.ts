/** State that a response can build on: items by reference, long chains, sealed reasoning, one at a time on a conversation. */
import assert from "node:assert/strict";
import { ApiError } from "../api/errors.ts";
import type { ResponseObject } from "../api/objects.ts";
import { startTestEngine, type TestEngine } from "../testing/engine.ts";

const CALL = { calls: [{ name: "f", arguments: {} }], reasoning: "need it" };
const TOOLS = [{ type: "function", name: "f", parameters: { type: "object" } }];

function shown(test: TestEngine, index = -1) {
  return test.model.asked.at(index)?.body.messages;
}

function rolesOf(test: TestEngine): string[] {
  return shown(test).map(({ role }: { role: string }) => role);
}

const isCode = (code: string) => (error: unknown) =>
  error instanceof ApiError && error.code === code;

Deno.test("a reference stands for any stored item of the tenant's, and for no other", async () => {
  await using test = await startTestEngine();
  const made = await test.ask({ input: "hi" });
  const id = made.output[0]?.id;
  const input = [{ role: "user", content: "hi" }, { id }, { role: "user", content: "more" }];
  const next = await test.ask({ input });
  assert.deepEqual(rolesOf(test), ["user", "assistant", "user"]);
  const stored = await test.store.responses.get("acme", next.id);
  assert.deepEqual(stored?.input.map(({ type }) => type), ["message", "message", "message"]);
  await assert.rejects(test.ask({ input }, { tenant: "other" }), isCode("item_not_found"));
  const unkept = await test.ask({ input: "hi", store: false });
  await assert.rejects(
    test.ask({ input: [{ type: "item_reference", id: unkept.output[0]?.id }] }),
    isCode("item_not_found"),
  );
});

Deno.test("a long chain stays whole", async () => {
  await using test = await startTestEngine();
  let previous: string | undefined;
  for (let turn = 0; turn < 40; turn++) {
    const more = previous === undefined ? {} : { previous_response_id: previous };
    previous = (await test.ask({ input: `turn ${turn}`, ...more })).id;
  }
  assert.equal(shown(test).length, 79);
  assert.equal(shown(test)[0].content, "turn 0");
});

Deno.test("thoughts go back to the model along a chain, in the field in which they came", async () => {
  await using test = await startTestEngine();
  test.model.queue(CALL);
  const made = await test.ask({ input: "q", tools: TOOLS });
  const output = { type: "function_call_output", call_id: "call_0", output: "1" };
  await test.ask({ input: [output], previous_response_id: made.id, tools: TOOLS });
  assert.equal(shown(test)[1].reasoning_content, "need it");
});

Deno.test("a sealed thought comes back without the gateway keeping anything", async () => {
  await using test = await startTestEngine();
  test.model.queue(CALL);
  const user = { role: "user", content: "q" };
  const include = ["reasoning.encrypted_content"];
  const made = await test.ask({ input: [user], tools: TOOLS, include, store: false });
  const [thought, call] = made.output;
  const { encrypted_content } = thought as { encrypted_content?: string };
  assert.ok(encrypted_content !== undefined && !encrypted_content.includes("need it"));
  const sealed = { type: "reasoning", id: thought?.id, summary: [], encrypted_content };
  const output = { type: "function_call_output", call_id: "call_0", output: "1" };
  const input = [user, sealed, call, output];
  await test.ask({ input, tools: TOOLS, store: false });
  assert.equal(shown(test)[1].reasoning_content, "need it");
  const foreign = { ...sealed, encrypted_content: "gAAAAABmade-elsewhere" };
  await assert.rejects(test.ask({ input: [user, foreign] }), isCode("invalid_encrypted_content"));
  await assert.rejects(
    test.ask({ input }, { tenant: "other" }),
    isCode("invalid_encrypted_content"),
  );
});

Deno.test("a summary of the thoughts is streamed where it is asked for", async () => {
  await using test = await startTestEngine();
  test.model.queue({ reasoning: "hmm", text: ["ok"] });
  const events = await test.stream({ input: "q", reasoning: { summary: "auto" } });
  assert.deepEqual(
    events.map(({ type }) => type).filter((type) => type.includes("reasoning")),
    ["part.added", "text.delta", "text.done", "part.done"]
      .map((part) => `response.reasoning_summary_${part}`),
  );
  const { output: [thought] } = events.at(-1)?.["response"] as ResponseObject;
  assert.deepEqual(thought?.["summary"], [{ type: "summary_text", text: "hmm" }]);
});

Deno.test("thoughts in a thousand pieces are one item, and an event for each", async () => {
  await using test = await startTestEngine();
  const pieces = Array.from({ length: 1_000 }, (_, n) => `${n} `);
  test.model.queue({ reasoning: pieces, text: ["ok"] });
  const events = await test.stream({ input: "q" });
  const { output } = events.at(-1)?.["response"] as ResponseObject;
  assert.deepEqual(output.map(({ type }) => type), ["reasoning", "message"]);
  const deltas = events.filter(({ type }) => type === "response.reasoning_text.delta");
  assert.equal(deltas.length, 1_000);
});

Deno.test("a second response on a conversation is refused while the first one runs", async () => {
  await using test = await startTestEngine();
  const { conversation } = await test.ask({ input: "zero" });
  const released = Promise.withResolvers<void>();
  test.model.queue({ text: ["o", "ne"], amid: released.promise });
  const first = await test.start({ input: "one", conversation, stream: true });
  await assert.rejects(
    test.ask({ input: "two", conversation }),
    isCode("conversation_locked"),
  );
  released.resolve();
  await first.result();
  await test.ask({ input: "two", conversation });
  assert.deepEqual(rolesOf(test), ["user", "assistant", "user", "assistant", "user"]);
});

Deno.test("a refused request lets its conversation go", async () => {
  await using test = await startTestEngine();
  const { conversation } = await test.ask({ input: "zero" });
  test.model.queue({ refuse: { status: 500, body: {} } });
  await assert.rejects(test.ask({ input: "one", conversation }));
  await assert.rejects(test.ask({ input: [{ id: "msg_nobody" }], conversation }));
  await test.ask({ input: "two", conversation });
});

Deno.test("a call that was cut is incomplete, is not run, and a failure leaves nothing open", async () => {
  await using test = await startTestEngine();
  test.model.queue({ ...CALL, finish: "length" }, { ...CALL, breakAfter: 3 });
  for (const status of ["incomplete", "failed"]) {
    const events = await test.stream({ input: "q", tools: TOOLS });
    const response = events.at(-1)?.["response"] as ResponseObject;
    assert.equal(response.status, status);
    assert.equal(response.output.at(-1)?.["status"], "incomplete");
  }
  const last = await test.stream({ input: "q" });
  assert.equal(last.at(-1)?.type, "response.completed");
});

Deno.test("a response that failed counts only what the model server counted", async () => {
  await using test = await startTestEngine();
  test.model.queue({ text: ["a", "b"], breakAfter: 1 });
  const events = await test.stream({ input: "q" });
  assert.equal((events.at(-1)?.["response"] as ResponseObject)["usage"], null);
});

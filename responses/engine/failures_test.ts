/** Responses when something goes wrong: what the client hears, and what is stored. */
import assert from "node:assert/strict";
import { ApiError } from "../api/errors.ts";
import type { ResponseObject } from "../api/objects.ts";
import { BackendError } from "../backend/errors.ts";
import { startTestEngine, TENANT, typesOf } from "../testing/engine.ts";

const refusals = [
  {
    what: "a missing model names the remedy",
    refuse: { status: 404, body: { error: { message: 'model "m" not found, try pulling it' } } },
    status: 404,
    code: "model_not_found",
    says: /ollama pull m/,
  },
  {
    what: "a rate limit is passed on",
    refuse: {
      status: 429,
      body: { error: { message: "slow down" } },
      headers: { "retry-after": "7" },
    },
    status: 429,
    code: "rate_limit_exceeded",
    says: /slow down/,
  },
  {
    what: "the gateway's own credential is the gateway's fault",
    refuse: { status: 401, body: { error: { message: "bad key sk-secret" } } },
    status: 502,
    code: "backend_refused",
    says: /^(?!.*sk-secret)/,
  },
  {
    what: "a bad request is the caller's",
    refuse: { status: 400, body: { error: { message: "temperature?", code: null } } },
    status: 400,
    code: "invalid_request",
    says: /temperature/,
  },
  {
    what: "a failure is a bad gateway",
    refuse: { status: 500, body: "oops" },
    status: 502,
    code: "backend_error",
    says: /oops/,
  },
];

Deno.test("a refusal before the first event is the request's answer", async () => {
  await using test = await startTestEngine();
  for (const { what, refuse, status, code, says } of refusals) {
    for (const stream of [false, true]) {
      test.model.queue({ refuse });
      await assert.rejects(test.start({ input: "Hi", stream }), (error) => {
        assert.ok(error instanceof BackendError, what);
        assert.deepEqual([error.status, error.code], [status, code], what);
        assert.match(error.message, says, what);
        return true;
      });
    }
  }
  const page = await test.store.responses.list(TENANT, { limit: 10, order: "asc" });
  assert.deepEqual(page.data, [], "nothing was acknowledged, so nothing is kept");
  const conversations = await test.store.conversations.list(TENANT, { limit: 10, order: "asc" });
  assert.deepEqual(conversations.data, []);
});

Deno.test("a model server that is down gives 503, and the log names it", async () => {
  await using test = await startTestEngine();
  await test.model[Symbol.asyncDispose]();
  await assert.rejects(
    test.ask({ input: "Hi" }),
    (error) => error instanceof ApiError && error.status === 503 && !/127\.0/.test(error.message),
  );
  assert.match(test.logged.join("\n"), /Cannot reach the model server at http:\/\/127\.0\.0\.1/);
});

Deno.test("a model server that hangs gives 504 at the deadline, whole and streamed", async () => {
  await using test = await startTestEngine({ firstEventTimeoutMs: 50 });
  const released = Promise.withResolvers<void>();
  for (const stream of [false, true]) {
    test.model.queue({ text: ["late"], before: released.promise });
    await assert.rejects(
      test.start({ input: "Hi", stream }).then((started) => started.result()),
      (error) => error instanceof ApiError && error.code === "backend_timeout",
    );
  }
  released.resolve();
});

Deno.test("an answer that breaks off is a failed response, in the last event and in the store", async () => {
  await using test = await startTestEngine();
  test.model.queue({ text: ["Hel", "lo"], breakAfter: 1 });
  const events = await test.stream({ input: "Hi" });
  assert.deepEqual(typesOf(events).slice(-3), ["content_part.done", "output_item.done", "failed"]);
  const response = events.at(-1)?.["response"] as ResponseObject;
  assert.equal(response.status, "failed");
  assert.equal(response.error?.code, "backend_error");
  assert.equal(response.output[0]?.["status"], "incomplete");
  const stored = await test.store.responses.get(TENANT, response.id);
  assert.deepEqual(stored?.response.error, response.error);
  assert.equal(stored?.response.status, "failed");
});

Deno.test("a client that leaves cancels the model's answer, and that is stored", async () => {
  await using test = await startTestEngine();
  const released = Promise.withResolvers<void>();
  test.model.queue({ text: ["Hel", "lo"], amid: released.promise });
  const leave = new AbortController();
  const started = await test.start({ input: "Hi", stream: true }, { signal: leave.signal });
  const events = started.events[Symbol.asyncIterator]();
  const seen: string[] = [];
  while (!seen.includes("response.output_text.delta")) {
    const { value } = await events.next();
    seen.push(...value.map(({ type }: { type: string }) => type));
  }
  leave.abort();
  while (!(await events.next()).done);
  await test.model.left;
  released.resolve();
  const stored = await test.store.responses.get(TENANT, started.response.id);
  assert.equal(stored?.response.status, "cancelled");
  assert.equal(stored?.response.output.length, 1, "what had come is kept");
});

Deno.test("a reader that ends the iteration cancels the response", async () => {
  await using test = await startTestEngine();
  const released = Promise.withResolvers<void>();
  test.model.queue({ text: ["Hel", "lo"], amid: released.promise });
  const started = await test.start({ input: "Hi", stream: true });
  for await (const batch of started.events) {
    if (batch.some(({ type }) => type === "response.output_text.delta")) break;
  }
  released.resolve();
  const stored = await test.store.responses.get(TENANT, started.response.id);
  assert.equal(stored?.response.status, "cancelled");
});

Deno.test("a reader that leaves at the first event closes the model's connection", async () => {
  await using test = await startTestEngine();
  const released = Promise.withResolvers<void>();
  test.model.queue({ text: ["Hel", "lo"], amid: released.promise });
  const started = await test.start({ input: "Hi", stream: true });
  for await (const _ of started.events) break;
  await test.model.left;
  released.resolve();
  const stored = await test.store.responses.get(TENANT, started.response.id);
  assert.equal(stored?.response.status, "cancelled");
});

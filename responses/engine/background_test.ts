import assert from "node:assert/strict";
import { ApiError } from "../api/errors.ts";
import type { ResponseEvent } from "../api/events.ts";
import { startTestEngine, TENANT, typesOf } from "../testing/engine.ts";

async function all(
  batches: AsyncIterable<readonly ResponseEvent[]> | undefined,
): Promise<ResponseEvent[]> {
  assert.ok(batches);
  return (await Array.fromAsync(batches)).flat();
}

/** Resolves when the model has begun to answer. */
async function firstDelta(batches: AsyncIterable<readonly ResponseEvent[]>): Promise<void> {
  for await (const batch of batches) {
    if (batch.some(({ type }) => type === "response.output_text.delta")) return;
  }
}

Deno.test("a response in the background is queued at once, and read when it is done", async () => {
  await using test = await startTestEngine();
  const released = Promise.withResolvers<void>();
  test.model.queue({ text: ["Hel", "lo"], amid: released.promise });
  const queued = await test.ask({ input: "Hi", background: true });
  assert.equal(queued.status, "queued");
  released.resolve();
  const events = await all(test.engine.follow(TENANT, queued.id));
  assert.deepEqual(typesOf(events).slice(0, 3), ["created", "queued", "in_progress"]);
  assert.equal(events.at(-1)?.type, "response.completed");
  assert.deepEqual(events.map(({ sequence_number }) => sequence_number), [...events.keys()]);
  const stored = await test.store.responses.get(TENANT, queued.id);
  assert.equal(stored?.response.status, "completed");
  const later = await all(test.engine.follow(TENANT, queued.id, 3));
  assert.deepEqual(later, events.slice(4));
});

Deno.test("a follower sees the events as they come", async () => {
  await using test = await startTestEngine();
  const released = Promise.withResolvers<void>();
  test.model.queue({ text: ["Hel", "lo"], amid: released.promise });
  const { response, events } = await test.start({ input: "Hi", background: true, stream: true });
  const seen: string[] = [];
  for await (const batch of events) {
    seen.push(...batch.map(({ type }) => type));
    // The second delta is not sent before the first one was read.
    if (seen.at(-1) === "response.output_text.delta") released.resolve();
  }
  assert.equal(seen.at(-1), "response.completed");
  assert.equal((await test.store.responses.get(TENANT, response.id))?.response.status, "completed");
});

Deno.test("a reader that leaves does not end a response in the background", async () => {
  await using test = await startTestEngine();
  const leave = new AbortController();
  const { response, events } = await test.start(
    { input: "Hi", background: true, stream: true },
    { signal: leave.signal },
  );
  for await (const _ of events) break;
  leave.abort();
  await all(test.engine.follow(TENANT, response.id));
  assert.equal((await test.store.responses.get(TENANT, response.id))?.response.status, "completed");
});

Deno.test("a response in the background is cancelled, and stays so", async () => {
  await using test = await startTestEngine();
  const released = Promise.withResolvers<void>();
  test.model.queue({ text: ["Hel", "lo"], amid: released.promise });
  const { response, events } = await test.start({ input: "Hi", background: true });
  await firstDelta(events);
  const cancelled = await test.engine.cancel(TENANT, response.id);
  assert.equal(cancelled.status, "cancelled");
  await test.model.left;
  released.resolve();
  assert.equal((await test.engine.cancel(TENANT, response.id)).status, "cancelled");
  const whole = await test.ask({ input: "Hi" });
  await assert.rejects(
    test.engine.cancel(TENANT, whole.id),
    (error) => error instanceof ApiError && error.status === 400,
  );
});

Deno.test("a response that another process has ended is not taken up again", async () => {
  await using test = await startTestEngine();
  const released = Promise.withResolvers<void>();
  test.model.queue({ text: ["Hel", "lo"], amid: released.promise });
  const { response, events } = await test.start({ input: "Hi", background: true });
  await firstDelta(events);
  await test.store.finish(TENANT, { ...response, status: "cancelled" }, []);
  released.resolve();
  await all(test.engine.follow(TENANT, response.id));
  assert.equal((await test.store.responses.get(TENANT, response.id))?.response.status, "cancelled");
});

Deno.test("an engine that ends stops what runs, and stores that", async () => {
  const test = await startTestEngine();
  const released = Promise.withResolvers<void>();
  test.model.queue({ text: ["Hel", "lo"], amid: released.promise });
  const { response, events } = await test.start({ input: "Hi", background: true });
  await firstDelta(events);
  await test.engine[Symbol.asyncDispose]();
  released.resolve();
  assert.equal((await test.store.responses.get(TENANT, response.id))?.response.status, "cancelled");
  await test[Symbol.asyncDispose]();
});

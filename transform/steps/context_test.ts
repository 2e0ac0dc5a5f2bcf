/** A session's context: what is put in, what is kept, and for whom. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { type JsonObject, RequestDraft } from "../exchange.ts";
import { openStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { transformSchema } from "../transform_schema.ts";
import { contextStep, type ContextSurroundings } from "./context.ts";
import { Background, type Summarise } from "./summary.ts";

const user = (content: string): JsonObject => ({ role: "user", content });

interface Setting {
  readonly as?: "messages" | "header";
  readonly keep?: object;
  readonly longer?: object;
  readonly summarise?: Summarise;
  readonly background?: ContextSurroundings["background"];
}

/** One tenant's session: says messages, and returns what the model is asked and the header. */
function sessionOn(store: Store, { summarise, background = () => {}, ...settings }: Setting = {}) {
  const file = transformSchema.parse({ version: 1, steps: [{ context: settings }] });
  const [{ context } = { context: undefined }] = file.steps;
  assert.ok(context);
  const step = contextStep(context, { store, summarise, background });
  return async (
    messages: readonly JsonObject[],
    { reply = { content: "ok" }, tenant = "a", id = "s" }: {
      reply?: JsonObject;
      tenant?: string;
      id?: string;
    } = {},
  ) => {
    const headers = new Map([[":method", "POST"], ["x-tenant", tenant], ["x-session-id", id]]);
    const body = new TextEncoder().encode(JSON.stringify({ messages }));
    const draft = new RequestDraft(headers, body);
    const outcome = await step.request(draft);
    const message = { role: "assistant", ...reply };
    if (outcome !== undefined && "handler" in outcome) {
      await outcome.handler.whole?.(
        { choices: [{ index: 0, message, finish_reason: "stop" }] },
        { status: 200, contentType: "application/json", isStream: false },
      );
    }
    const sent = (draft.messages ?? []).map(({ role, content }) => `${role}: ${content}`);
    const { set, bytes } = draft;
    assert.equal(draft.changed, draft.body !== bytes);
    return { sent, message, set, header: draft.answerHeaders.get("x-llm-context") };
  };
}

Deno.test("a client that tells its history, whole or the end of it, in its own words, gets nothing twice", async () => {
  await using store = openStore(":memory:");
  const say = sessionOn(store, { keep: { turns: 3 } });
  const history: JsonObject[] = [];
  for (let n = 0; n < 6; n++) {
    history.push(user(`q${n}`));
    // Answers hold what clients do not send back.
    const reply = { content: `a${n}`, refusal: null, annotations: [], audio: null };
    const { sent } = await say(history, { reply });
    assert.equal(sent.length, history.length, `turn ${n}`);
    history.push({ role: "assistant", content: [{ type: "text", text: `a${n}` }] });
  }
  const window = [...history.slice(-3), user("next")];
  assert.deepEqual((await say(window)).sent.length, window.length);
  const fresh = await say([user("last")]);
  assert.deepEqual(fresh.sent, [
    ...["user: q4", "assistant: a4", "user: q5", "assistant: a5"],
    ...["user: next", "assistant: ok", "user: last"],
  ]);
});

Deno.test("what only answers hold goes into no later request", async () => {
  await using store = openStore(":memory:");
  const say = sessionOn(store);
  const tool_calls = [{ id: "c", type: "function", function: { name: "n", arguments: "{}" } }];
  await say([user("q")], {
    reply: { content: null, tool_calls, reasoning_content: "hm", refusal: null },
  });
  const key = [...await store.keys("context:")][0] ?? "";
  const { turns } = JSON.parse(new TextDecoder().decode((await store.get(key))?.value));
  assert.deepEqual(turns[0].messages[1], { role: "assistant", content: null, tool_calls });
});

Deno.test("sessions of any tenants and ids are apart", async () => {
  const tenant = fc.string({ maxLength: 6 });
  const id = fc.stringMatching(/^[A-Za-z0-9._:-]{1,6}$/);
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(tenant, id), {
        maxLength: 6,
        selector: (one) => JSON.stringify(one),
      }),
      async (sessions) => {
        await using store = openStore(":memory:");
        const say = sessionOn(store);
        for (const [index, [tenant, id]] of sessions.entries()) {
          assert.equal((await say([user(`first ${index}`)], { tenant, id })).sent.length, 1);
        }
        for (const [index, [tenant, id]] of sessions.entries()) {
          const { sent } = await say([user("then")], { tenant, id });
          assert.deepEqual(sent, [`user: first ${index}`, "assistant: ok", "user: then"]);
        }
      },
    ),
    { numRuns: 200 },
  );
});

const LONGER = { summarise: { url: "http://127.0.0.1:1/v1/chat/completions", model: "small" } };

Deno.test("what is too long is summarised behind the answer, which waits for no model", async () => {
  await using store = openStore(":memory:");
  const asked: string[][] = [];
  const held = Promise.withResolvers<string>();
  await using background = new Background(() => {});
  const tasks: Promise<void>[] = [];
  const say = sessionOn(store, {
    keep: { turns: 2 },
    longer: LONGER,
    background: (work) =>
      background.run((signal) => {
        const task = work(signal);
        tasks.push(task);
        return task;
      }),
    summarise(before, messages) {
      asked.push([before ?? "-", ...messages.map(({ content }) => String(content))]);
      return held.promise;
    },
  });
  for (const n of [0, 1, 2]) await say([user(`q${n}`)], { reply: { content: `a${n}` } });
  // The model has not said a word, and the answers came all the same.
  assert.deepEqual(asked, [["-", "q0", "a0"]]);
  held.resolve("they met");
  await Promise.all(tasks);
  const { sent, header } = await say([user("q3")]);
  assert.deepEqual(sent, [
    "system: Summary of the conversation before: they met",
    ...["user: q1", "assistant: a1", "user: q2", "assistant: a2", "user: q3"],
  ]);
  assert.match(header ?? "", /^turns=2 tokens=\d+ summarised=1 dropped=0$/);
  await Promise.all(tasks);
  assert.deepEqual(asked.at(-1), ["they met", "q1", "a1"]);
});

Deno.test("a summary that cannot be made drops the oldest turns, and says so", async () => {
  await using store = openStore(":memory:");
  const failures: string[] = [];
  await using background = new Background((what) => failures.push(what));
  const say = sessionOn(store, {
    keep: { turns: 1 },
    longer: LONGER,
    background: background.run,
    summarise: () => Promise.reject(new Error("no model")),
  });
  for (const n of [0, 1, 2]) await say([user(`q${n}`)]);
  const { sent, header } = await say([user("q3")]);
  assert.deepEqual(sent, ["user: q2", "assistant: ok", "user: q3"]);
  assert.match(header ?? "", /^turns=1 tokens=\d+ summarised=0 dropped=1$/);
  assert.deepEqual([...new Set(failures)], ["no model"]);
});

Deno.test("a session that is erased while its summary is made stays erased", async () => {
  await using store = openStore(":memory:");
  const held = Promise.withResolvers<string>();
  await using background = new Background(() => {});
  const tasks: Promise<void>[] = [];
  const say = sessionOn(store, {
    keep: { turns: 1 },
    longer: LONGER,
    background: (work) =>
      background.run((signal) => tasks[tasks.push(work(signal)) - 1] as Promise<void>),
    summarise: () => held.promise,
  });
  for (const n of [0, 1]) await say([user(`secret ${n}`)]);
  await store.remove(await store.keys("context:"));
  held.resolve("a secret");
  await Promise.all(tasks);
  const [key] = await store.keys("context:");
  const kept = key === undefined ? undefined : (await store.get(key))?.value;
  assert.ok(!new TextDecoder().decode(kept).includes("secret"));
  assert.deepEqual((await say([user("new")])).sent, ["user: new"]);
});

Deno.test("as a header: the newest turns that fit in 8 KiB, the body as it came, and a call with its result", async () => {
  await using store = openStore(":memory:");
  const say = sessionOn(store, { as: "header", keep: { tokens: 100_000 } });
  const told = (set: ReadonlyMap<string, string>) =>
    JSON.parse(Buffer.from(set.get("x-llm-context") ?? "", "base64url").toString() || "[]")
      .map(({ role, content }: JsonObject) => `${role}: ${String(content).slice(0, 8)}`);
  const first = await say([user("q0 ü")], { reply: { content: "a0" } });
  assert.deepEqual([first.set.size, first.header], [0, "turns=0 tokens=0 dropped=0"]);
  const second = await say([user("q1")], { reply: { content: "a1".padEnd(3_100, "x") } });
  assert.deepEqual(second.sent, ["user: q1"]);
  assert.deepEqual(told(second.set), ["user: q0 ü", "assistant: a0"]);
  assert.equal(second.set.get("x-llm-context-turns"), "1");
  await say([user("q2")], { reply: { content: "a2".padEnd(3_100, "x") } });
  const third = await say([user("q3")], {
    reply: { content: null, tool_calls: [{ id: "c", type: "function", function: {} }] },
  });
  assert.deepEqual(told(third.set).slice(0, 2), ["user: q2", "assistant: a2xxxxxx"]);
  assert.match(third.header ?? "", /^turns=1 tokens=\d+ dropped=2$/);
  const result = { role: "tool", tool_call_id: "c", content: "r".repeat(6_000) };
  await say([result], { reply: { content: "done" } });
  const last = await say([user("q4")]);
  assert.deepEqual([told(last.set), last.header], [[], "turns=0 tokens=0 dropped=5"]);
  assert.ok((third.set.get("x-llm-context")?.length ?? 0) <= 8_192);
});

Deno.test("a stream is kept when its last event finishes it and its body ends, with [DONE] or without", async () => {
  const chunk = (content: string, finish_reason: string | null = null) => ({
    choices: [{ index: 0, delta: { content }, finish_reason }],
  });
  const streams = [
    { events: [chunk("a"), chunk("b", "stop"), "[DONE]"], ends: true, kept: 1 },
    { events: [chunk("a"), chunk("b", "stop")], ends: true, kept: 1 },
    { events: [chunk("a"), chunk("b", "stop")], ends: false, kept: 0 },
    { events: [chunk("a"), chunk("b")], ends: true, kept: 0 },
    { events: [chunk("a"), chunk("b"), "[DONE]"], ends: true, kept: 0 },
  ];
  for (const { events, ends, kept } of streams) {
    await using store = openStore(":memory:");
    const [{ context } = { context: undefined }] =
      transformSchema.parse({ version: 1, steps: [{ context: {} }] }).steps;
    assert.ok(context);
    const step = contextStep(context, { store, background: () => {} });
    const ask = () =>
      new RequestDraft(
        new Map([["x-tenant", "a"], ["x-session-id", "s"]]),
        new TextEncoder().encode(JSON.stringify({ messages: [user("q")] })),
      );
    const outcome = await step.request(ask());
    assert.ok(outcome !== undefined && "handler" in outcome);
    const { handler } = outcome;
    for (const event of events) {
      const data = typeof event === "string" ? event : JSON.stringify(event);
      const json = typeof event === "string" ? undefined : event;
      await handler.event?.({ fields: [["data", data]], data, json });
    }
    if (ends) await handler.end?.();
    handler.over?.();
    const next = ask();
    await step.request(next);
    assert.match(next.answerHeaders.get("x-llm-context") ?? "", new RegExp(`^turns=${kept} `));
  }
});

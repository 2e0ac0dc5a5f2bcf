/** Counting tokens, compacting, compressed bodies, and what passes to the model server as it is. */
import assert from "node:assert/strict";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { connectBackend } from "../backend/backend.ts";
import { httpApp } from "../http/app.ts";
import { startTestEngine } from "../testing/engine.ts";
import { modelRoutes } from "./model_routes.ts";
import { responsesResource } from "./responses.ts";

async function startApp() {
  const test = await startTestEngine();
  const onFault = (error: unknown) => {
    throw error;
  };
  const { engine, store } = test;
  const backend = connectBackend({
    endpoint: test.model.endpoint,
    apiKey: "own",
    firstEventTimeoutMs: 60_000,
  });
  const app = httpApp({
    resources: [responsesResource({ engine, store, onFault }), modelRoutes({ backend })],
    // What the model server lacks is no fault of the gateway's.
  });
  const post = async (
    path: string,
    body: BodyInit | object,
    headers: Record<string, string> = {},
  ) => {
    const sent = body instanceof Uint8Array ? body as BodyInit : JSON.stringify(body);
    const request = new Request(`http://gateway${path}`, { method: "POST", body: sent, headers });
    const response = await app.fetch(request);
    const text = await response.text();
    return { status: response.status, text, json: () => JSON.parse(text) };
  };
  return {
    ...test,
    post,
    async [Symbol.asyncDispose]() {
      backend[Symbol.dispose]();
      await test[Symbol.asyncDispose]();
    },
  };
}

Deno.test("tokens are what the model server counts, and never a guess", async () => {
  await using app = await startApp();
  const tools = [{ type: "function", name: "f", parameters: { type: "object" } }];
  const { json } = await app.post("/v1/responses/input_tokens", { model: "m", input: "x", tools });
  assert.deepEqual(json(), { object: "response.input_tokens", input_tokens: 11 });
  assert.equal(app.model.asked[0]?.body.max_tokens, 1);
  assert.equal(app.model.asked[0]?.body.tools.length, 1);
  app.model.queue({ text: ["x"], usage: null });
  const unknown = await app.post("/v1/responses/input_tokens", { model: "m", input: "x" });
  assert.equal(unknown.status, 501);
});

Deno.test("a compacted conversation goes on from its summary", async () => {
  await using app = await startApp();
  const made = await app.ask({ input: "My name is Ada" }, { tenant: "default" });
  app.model.queue({ text: ["The user is Ada."] });
  const compacted = (await app.post("/v1/responses/compact", {
    model: "m",
    previous_response_id: made.id,
  })).json();
  assert.equal(compacted.object, "response.compaction");
  assert.deepEqual(compacted.output.map(({ type }: { type: string }) => type), [
    "message",
    "compaction",
  ]);
  assert.ok(!JSON.stringify(compacted).includes("The user is Ada."), "the summary is sealed");
  const input = [...compacted.output, { role: "user", content: "Who am I?" }];
  const next = await app.post("/v1/responses", { model: "m", input, store: false });
  assert.equal(next.status, 200);
  assert.match(JSON.stringify(app.model.asked.at(-1)?.body.messages), /The user is Ada\./);
});

Deno.test("compressed bodies are read; an unknown coding and a broken body are refused", async () => {
  await using app = await startApp();
  const body = new TextEncoder().encode('{"model":"m","input":"x"}');
  const codings = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync };
  for (const [name, compress] of Object.entries(codings)) {
    const packed = new Uint8Array(compress(body));
    const { status } = await app.post("/v1/responses", packed, { "content-encoding": name });
    assert.equal(status, 200, name);
  }
  const unknown = await app.post("/v1/responses", body, { "content-encoding": "rar" });
  assert.equal(unknown.status, 415);
  const broken = await app.post("/v1/responses", body, { "content-encoding": "gzip" });
  assert.equal(broken.status, 400);
  const bomb = new Uint8Array(gzipSync(new Uint8Array(65 * 2 ** 20)));
  const large = await app.post("/v1/responses", bomb, { "content-encoding": "gzip" });
  assert.equal(large.status, 413);
});

Deno.test("a chat completion passes both ways as it is, with the gateway's own credential", async () => {
  await using app = await startApp();
  const sent = { model: "m", messages: [{ role: "user", content: "x" }], odd: { a: null } };
  const { status, json } = await app.post("/v1/chat/completions", sent, {
    authorization: "Bearer theirs",
    "content-type": "application/json",
  });
  assert.equal(status, 200);
  assert.equal(json().choices[0].message.content, "Hello world");
  const { body, headers } = app.model.asked[0] ?? {};
  assert.deepEqual(body, sent);
  assert.equal(headers?.get("authorization"), "Bearer own");
  app.model.queue({ refuse: { status: 418, body: { error: { message: "tea" } } } });
  const refused = await app.post("/v1/chat/completions", sent);
  assert.deepEqual([refused.status, refused.json().error.message], [418, "tea"]);
});

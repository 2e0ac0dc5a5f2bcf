import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { OpenAI, type Wire } from "../openai/testing/sdk.ts";
import { parseSse } from "../openai/mod.ts";
import { resetSocket } from "../service/mod.ts";
import { startUpstream } from "./mod.ts";
import { chunksOf, RawClient, request } from "./testing/raw_client.ts";

const CHAT = { model: "mock-small", messages: [{ role: "user" as const, content: "Hi there" }] };

function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

Deno.test("startUpstream() answers a chat as JSON, the same bytes for the same request", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const first = await (await post(upstream.url, CHAT)).text();
  const second = await (await post(upstream.url, CHAT)).text();
  assert.equal(first, second);
  const body = JSON.parse(first);
  assert.equal(body.object, "chat.completion");
  assert.match(body.choices[0].message.content, /You said: "Hi there"/);
  assert.equal(body.usage.total_tokens, body.usage.prompt_tokens + body.usage.completion_tokens);
  const other = await (await post(upstream.url, { ...CHAT, seed: 1 })).json();
  assert.notEqual(other.id, body.id);
});

Deno.test("startUpstream() streams role first, finish_reason before [DONE], usage when asked", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const asked = { ...CHAT, stream: true, stream_options: { include_usage: true } };
  const response = await post(upstream.url, asked);
  assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream/);
  const text = await response.text();
  const { events, tail } = parseSse(text);
  assert.equal(tail, undefined);
  assert.equal(events.at(-1)?.data, "[DONE]");
  const chunks = events.slice(0, -1).map((event) => JSON.parse(event.data));
  assert.equal(chunks[0].choices[0].delta.role, "assistant");
  assert.equal(chunks.at(-2).choices[0].finish_reason, "stop");
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.ok(chunks.at(-1).usage.completion_tokens > 0);
  assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null));
  const whole = await (await post(upstream.url, CHAT)).json();
  assert.equal(whole.usage.prompt_tokens, chunks.at(-1).usage.prompt_tokens);
  const plain = await (await post(upstream.url, { ...CHAT, stream: true })).text();
  assert.ok(!plain.includes('"usage"'));
});

Deno.test("startUpstream() writes one event per chunk on the wire", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  await using client = await RawClient.connect(upstream.port);
  client.send(
    request("/v1/chat/completions", { body: JSON.stringify({ ...CHAT, stream: true }) }),
  );
  const text = await client.until((seen) => seen.endsWith("0\r\n\r\n"));
  const chunks = chunksOf(text);
  assert.ok(chunks.length > 10);
  for (const chunk of chunks) assert.equal(parseSse(chunk).events.length, 1, chunk);
  const exchange = upstream.journal.entries()[0];
  assert.equal(exchange?.events, chunks.length);
  assert.equal(exchange?.eventTimes.length, chunks.length);
  assert.equal(exchange?.bytesWritten, chunks.join("").length);
});

Deno.test("without pace, events share writes; burst=1 gives each its own; the bytes are the same", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const body = JSON.stringify({ ...CHAT, stream: true });
  const texts = new Set<string>();
  for (const burst of ["1", "5", "64"]) {
    await using client = await RawClient.connect(upstream.port);
    const headers = { "x-mock-tokens": "200", "x-mock-pace": `ttft=0,itl=0,burst=${burst}` };
    client.send(request("/v1/chat/completions", { headers, body }));
    const text = await client.until((seen) => seen.endsWith("0\r\n\r\n"));
    texts.add(text.slice(text.indexOf("\r\n\r\n")));
    const { events = 0, eventTimes = [], bytesWritten } = upstream.journal.entries().at(-1) ?? {};
    assert.ok(events > 200);
    assert.equal(chunksOf(text).length, events);
    assert.equal(eventTimes.length, events);
    assert.equal(bytesWritten, chunksOf(text).join("").length);
    // The events of one write have one time.
    assert.ok(new Set(eventTimes).size <= Math.ceil(events / Number(burst)));
  }
  assert.equal(texts.size, 1);
});

Deno.test("with pace, no two tokens share a write, whatever the burst", async () => {
  await using upstream = await startUpstream({ pace: { ttft: 1, itl: 1, burst: 64 } });
  const body = JSON.stringify({ ...CHAT, stream: true });
  await using client = await RawClient.connect(upstream.port);
  client.send(request("/v1/chat/completions", { headers: { "x-mock-tokens": "20" }, body }));
  await client.until((seen) => seen.endsWith("0\r\n\r\n"));
  const { eventTimes = [] } = upstream.journal.entries()[0] ?? {};
  assert.ok(new Set(eventTimes).size >= 20, String(eventTimes));
});

const REFUSALS: {
  name: string;
  path?: string;
  method?: string;
  body?: string;
  status: number;
  error: Record<string, unknown>;
  allow?: string;
}[] = [
  { name: "400 for bad JSON", body: "{", status: 400, error: { type: "invalid_request_error" } },
  { name: "400 for a body that is no object", body: "[]", status: 400, error: { code: null } },
  {
    name: "400 for a missing model",
    body: '{"messages":[]}',
    status: 400,
    error: { param: "model" },
  },
  {
    name: "400 for missing messages",
    body: '{"model":"m1"}',
    status: 400,
    error: { param: "messages" },
  },
  {
    name: "400 for a message without a role",
    body: '{"model":"m1","messages":[{"content":"x"}]}',
    status: 400,
    error: { param: "messages[0].role", code: "missing_required_parameter" },
  },
  {
    name: "404 for an unknown model",
    body: JSON.stringify({ ...CHAT, model: "other" }),
    status: 404,
    error: { code: "model_not_found", param: "model" },
  },
  {
    name: "404 for an unknown path",
    path: "/v1/nothing",
    status: 404,
    error: { code: "unknown_url" },
  },
  {
    name: "405 with allow for a wrong method",
    path: "/v1/models",
    status: 405,
    error: { code: "method_not_supported" },
    allow: "GET",
  },
];

for (const { name, path, method, body, status, error, allow } of REFUSALS) {
  Deno.test(`startUpstream() answers ${name}, OpenAI-shaped`, async () => {
    await using upstream = await startUpstream({ pace: "none", models: ["m1"] });
    const response = await fetch(`${upstream.url}${path ?? "/v1/chat/completions"}`, {
      method: method ?? "POST",
      body: body ?? "{}",
    });
    const answer = await response.json();
    assert.equal(response.status, status);
    assert.equal(response.headers.get("allow"), allow ?? null);
    assert.equal(typeof answer.error.message, "string");
    for (const [key, value] of Object.entries(error)) assert.equal(answer.error[key], value, key);
  });
}

Deno.test("startUpstream() serves models, legacy completions, embeddings and health", async () => {
  await using upstream = await startUpstream({ pace: "none", models: ["m1", "m2"] });
  const client = new OpenAI({ apiKey: "k", baseURL: `${upstream.url}/v1`, maxRetries: 0 });
  const list = await client.models.list();
  assert.deepEqual(list.data.map((model: Wire) => model.id), ["m1", "m2"]);
  assert.equal((await client.models.retrieve("m2")).id, "m2");
  const legacy = await client.completions.create({ model: "m1", prompt: "a", max_tokens: 5 });
  assert.equal(legacy.choices[0]?.finish_reason, "length");
  const floats = await client.embeddings.create({
    model: "m1",
    input: ["a", "b"],
    dimensions: 8,
    encoding_format: "float",
  });
  const cosine = async (one: string, other: string) => {
    const { data } = await client.embeddings.create({ model: "m1", input: [one, other] });
    return (data[0]?.embedding ?? []).reduce(
      (sum: number, value: number, at: number) => sum + value * (data[1]?.embedding[at] ?? 0),
      0,
    );
  };
  assert.ok(await cosine("A blue whale swims.", "the blue whale") > 0.4);
  assert.ok(await cosine("A blue whale swims.", "quarterly revenue") < 0.3);
  const base64 = await client.embeddings.create({ model: "m1", input: ["a", "b"], dimensions: 8 });
  assert.equal(floats.data.length, 2);
  assert.deepEqual(floats.data[1]?.embedding.map(Math.fround), [
    ...base64.data[1]?.embedding ?? [],
  ]);
  assert.deepEqual(await (await fetch(`${upstream.url}/healthz`)).json(), { status: "ok" });
});

Deno.test("the official client gets streams and typed errors from startUpstream()", async () => {
  await using upstream = await startUpstream({ pace: "none", models: ["m1"] });
  const client = new OpenAI({ apiKey: "k", baseURL: `${upstream.url}/v1`, maxRetries: 0 });
  const stream = await client.chat.completions.create({
    model: "m1",
    messages: [{ role: "user", content: "Hi" }],
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  let tokens = 0;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    tokens = chunk.usage?.completion_tokens ?? tokens;
  }
  assert.match(text, /You said: "Hi"/);
  assert.ok(tokens > 5);
  await assert.rejects(
    client.chat.completions.create({ model: "zzz", messages: [{ role: "user", content: "Hi" }] }),
    OpenAI.NotFoundError,
  );
});

Deno.test("the journal keeps the head as received, the body's hash and how it ended", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  await using client = await RawClient.connect(upstream.port);
  const body = JSON.stringify(CHAT);
  const head =
    "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: a\r\nX-B: 1\r\nx-a: 2\r\nX-B: 3\r\n" +
    `X-Request-Id: r-1\r\nx-harness-case: case-0001.abcd\r\nContent-Length: ${body.length}\r\n\r\n`;
  client.send(head + body);
  const exchange = await upstream.journal.waitFor((entry) => entry.end === "completed");
  assert.equal(exchange.rawHead, head);
  assert.deepEqual(exchange.headers.slice(1, 4), [["X-B", "1"], ["x-a", "2"], ["X-B", "3"]]);
  assert.equal(exchange.nonce, "case-0001");
  assert.equal(exchange.requestId, "r-1");
  assert.equal(exchange.bodyBytes, body.length);
  assert.equal(exchange.bodySha256, createHash("sha256").update(body).digest("hex"));
  assert.equal(exchange.attempt, 1);
  assert.equal(exchange.protocol, "http/1.1");
  client.send(head + body);
  const again = await upstream.journal.waitFor((entry) => entry.attempt === 2);
  assert.equal(again.connection, exchange.connection);
});

Deno.test("a script holds each event until its barrier is released", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  upstream.scripts.set("case-0001", {
    steps: [
      { event: { data: "1" } },
      { barrier: "next" },
      { event: { data: "2" } },
      { barrier: "next" },
      { event: { data: "[DONE]" } },
    ],
  });
  await using client = await RawClient.connect(upstream.port);
  client.send(request("/v1/chat/completions", { headers: { "x-harness-case": "case-0001.aa" } }));
  await client.until((text) => text.includes("data: 1\n\n"));
  await upstream.barriers.arrival("case-0001/next");
  assert.ok(!client.text.includes("data: 2"));
  upstream.barriers.release("case-0001/next");
  await client.until((text) => text.includes("data: 2\n\n"));
  await upstream.barriers.arrival("case-0001/next", { count: 2 });
  assert.ok(!client.text.includes("[DONE]"));
  upstream.barriers.release("case-0001/next");
  await client.until((text) => text.endsWith("0\r\n\r\n"));
  const exchange = await upstream.journal.waitFor(({ end }) => end !== undefined);
  assert.equal(exchange.end, "completed");
});

const LEAVES = [
  { how: "fin", end: "client-fin", leave: (client: RawClient) => client.socket.end() },
  { how: "rst", end: "client-rst", leave: (client: RawClient) => void resetSocket(client.socket) },
] as const;

for (const { how, end, leave } of LEAVES) {
  Deno.test(`the journal tells that the client left with ${how}, while nothing is written`, async () => {
    await using upstream = await startUpstream({ pace: "none" });
    upstream.scripts.set("hang-script", { steps: [{ event: { data: "1" } }, { hang: true }] });
    await using client = await RawClient.connect(upstream.port);
    client.send(request("/v1/chat/completions", { headers: { "x-mock-script": "hang-script" } }));
    await client.until((text) => text.includes("data: 1"));
    leave(client);
    const exchange = await upstream.journal.waitFor((entry) => entry.end !== undefined);
    assert.equal(exchange.end, end);
    assert.equal(exchange.events, 1);
  });
}

Deno.test("startUpstream() closes and reopens on the same port", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const { port } = upstream;
  await (await fetch(`${upstream.url}/healthz`)).text();
  await upstream.close();
  await assert.rejects(fetch(`${upstream.url}/healthz`));
  await upstream.reopen();
  assert.equal(upstream.port, port);
  await (await fetch(`${upstream.url}/healthz`)).text();
});

Deno.test("startUpstream() reports each exchange once when it ended, and counts it", async () => {
  const ends: string[] = [];
  await using upstream = await startUpstream({
    pace: "none",
    onEnd: ({ status, end }) => ends.push(`${status} ${end}`),
  });
  upstream.scripts.set("break-1", { steps: [{ abort: "fin" }] });
  await using client = await RawClient.connect(upstream.port);
  client.send(request("/healthz", { method: "GET" }));
  await client.until((text) => text.includes('"ok"'));
  client.send(request("/x", { headers: { "x-mock-script": "break-1" } }));
  await client.ended();
  await using other = await RawClient.connect(upstream.port);
  other.send("nonsense\r\n\r\n");
  await other.ended();
  assert.deepEqual(ends, ["200 completed", "undefined aborted", "400 completed"]);
  const metrics = await upstream.metrics();
  assert.match(metrics, /requests_total{protocol="http\/1.1",status="200",end="completed"} 1/);
  assert.match(metrics, /llmgate_upstream_requests_running 0/);
  assert.match(metrics, /llmgate_upstream_connections_total 2/);
});

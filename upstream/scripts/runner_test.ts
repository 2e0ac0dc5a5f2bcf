import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { parseSse } from "../../openai/mod.ts";
import { startUpstream, type Upstream, type UpstreamScript } from "../mod.ts";
import { chunksOf, RawClient, request } from "../testing/raw_client.ts";
import { FRAME, type Frame, RawHttp2Client } from "../testing/raw_http2_client.ts";

const inline = (script: UpstreamScript) =>
  Buffer.from(JSON.stringify(script)).toString("base64url");

/** Runs a script given in the request's header; returns everything the raw client received. */
async function raw(upstream: Upstream, script: UpstreamScript): Promise<string> {
  await using client = await RawClient.connect(upstream.port);
  client.send(request("/x", { headers: { "x-mock-script": inline(script) } }));
  return await client.until((text) => text.endsWith("\r\n0\r\n\r\n"));
}

Deno.test("a script in x-mock-script runs, and a wrong one is a 400 that says why", async () => {
  await using upstream = await startUpstream();
  assert.deepEqual(chunksOf(await raw(upstream, { steps: [{ write: "a" }] })), ["a"]);
  const wrong = await fetch(upstream.url, {
    headers: { "x-mock-script": inline({ steps: [{}] as never }) },
  });
  assert.equal(wrong.status, 400);
  assert.match((await wrong.json()).error.message, /at "steps\.0": Expected a step/);
  const unknown = await fetch(upstream.url, { headers: { "x-mock-script": "nobody" } });
  assert.equal(unknown.status, 400);
  assert.match((await unknown.json()).error.message, /neither the id of a script/);
});

Deno.test("metadata.mock in the body is a script when headers are stripped, as object or text", async () => {
  await using upstream = await startUpstream();
  const mock = { steps: [{ event: { data: "hello" } }] };
  for (const value of [mock, JSON.stringify(mock)]) {
    const response = await fetch(`${upstream.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "m", messages: [], metadata: { mock: value } }),
    });
    assert.equal(await response.text(), "data: hello\n\n");
  }
  assert.equal(upstream.journal.entries()[0]?.script, "body");
});

Deno.test("x-mock-script beats the nonce, and the nonce beats the body", async () => {
  await using upstream = await startUpstream();
  upstream.scripts.set("case-0001", { steps: [{ write: "nonce" }] });
  upstream.scripts.set("named-0001", { steps: [{ write: "named" }] });
  const ask = async (headers: Record<string, string>) => {
    const response = await fetch(`${upstream.url}/v1/chat/completions`, {
      method: "POST",
      headers,
      body: JSON.stringify({ metadata: { mock: { steps: [{ write: "body" }] } } }),
    });
    return await response.text();
  };
  assert.equal(
    await ask({ "x-harness-case": "case-0001.a", "x-mock-script": "named-0001" }),
    "named",
  );
  assert.equal(await ask({ "x-harness-case": "case-0001.a" }), "nonce");
  assert.equal(await ask({ "x-harness-case": "case-0002.a" }), "body");
});

Deno.test("every event of a script is a chunk of its own, 10,000 of them in order", async () => {
  await using upstream = await startUpstream();
  const script = { steps: [{ repeat: { times: 10_000, steps: [{ event: { data: { x: 1 } } }] } }] };
  const chunks = chunksOf(await raw(upstream, script));
  assert.equal(chunks.length, 10_000);
  assert.ok(chunks.every((chunk) => chunk === 'data: {"x":1}\n\n'));
  const exchange = upstream.journal.entries()[0];
  assert.equal(exchange?.events, 10_000);
  assert.equal(exchange?.eventTimes.length, 10_000);
  assert.ok(exchange?.eventTimes.every((time, i, all) => time >= (all[i - 1] ?? 0)));
});

Deno.test("encoding gzip flushes each event, so that a reader can unpack it at once", async () => {
  await using upstream = await startUpstream();
  upstream.scripts.set("zip-1", {
    encoding: "gzip",
    steps: [{ event: { data: "1" } }, { barrier: "go" }, { event: { data: "2" } }],
  });
  await using client = await RawClient.connect(upstream.port);
  client.send(request("/x", { headers: { "x-mock-script": "zip-1" } }));
  await upstream.barriers.arrival("zip-1/go");
  const bytes = (chunks: string[]) => Buffer.from(chunks.join(""), "latin1");
  const text = await client.until((seen) => /\r\n\r\n[^]*\r\n$/.test(seen));
  assert.match(text, /content-encoding: gzip/);
  const first = gunzipSync(bytes(chunksOf(text)), { finishFlush: 2 });
  assert.equal(first.toString(), "data: 1\n\n");
  upstream.barriers.release("zip-1/go");
  const whole = await client.until((seen) => seen.endsWith("\r\n0\r\n\r\n"));
  assert.equal(gunzipSync(bytes(chunksOf(whole))).toString(), "data: 1\n\ndata: 2\n\n");
});

Deno.test("stamp writes the time of sending on the journal's clock", async () => {
  await using upstream = await startUpstream();
  const [chunk = ""] = chunksOf(
    await raw(upstream, { steps: [{ stamp: true }, { event: { data: "x" } }] }),
  );
  const stamp = Number(/^: t=(\d+)\ndata: x\n\n$/.exec(chunk)?.[1]) / 1000;
  const exchange = upstream.journal.entries()[0];
  assert.ok(
    exchange && stamp >= exchange.receivedAt - 0.01 &&
      stamp <= (exchange.eventTimes[0] ?? 0) + 0.01,
  );
});

Deno.test("a script waits for the whole body before it answers, unless it is early", async () => {
  await using upstream = await startUpstream();
  for (const early of [false, true]) {
    await using client = await RawClient.connect(upstream.port);
    const script = inline({ early, steps: [{ barrier: "go" }, { write: "answer" }] });
    client.send(
      `POST /x HTTP/1.1\r\nhost: a\r\nx-mock-script: ${script}\r\ncontent-length: 4\r\n\r\nab`,
    );
    upstream.barriers.release("inline/go");
    if (early) {
      await client.until((text) => text.includes("answer"));
      client.send("cd");
    } else {
      await upstream.barriers.arrival("inline/go");
      assert.equal(client.text, "");
      client.send("cd");
      await client.until((text) => text.includes("answer"));
    }
    const entry = await upstream.journal.waitFor((one) =>
      one.connection === (early ? 2 : 1) && one.bodyEnd !== undefined
    );
    assert.equal(entry.bodySha256, createHash("sha256").update("abcd").digest("hex"));
    await upstream.journal.waitFor((one) => one === entry && one.end === "completed");
    upstream.reset("inline");
  }
});

Deno.test("a client that leaves during its upload is client-fin, and the body has no hash", async () => {
  await using upstream = await startUpstream();
  await using client = await RawClient.connect(upstream.port);
  client.send("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc");
  await upstream.journal.waitFor((entry) => entry.bodyBytes === 3);
  client.socket.end();
  const exchange = await upstream.journal.waitFor((entry) => entry.end !== undefined);
  assert.equal(exchange.end, "client-fin");
  assert.equal(exchange.bodySha256, undefined);
  assert.equal(exchange.status, undefined);
});

Deno.test("the same seed gives the same bytes in the same order, on HTTP/1.1 and on h2c", async () => {
  const body = JSON.stringify({
    model: "m",
    stream: true,
    n: 2,
    logprobs: true,
    messages: [{ role: "user", content: "Hi" }],
  });
  const texts: string[] = [];
  for (let run = 0; run < 2; run++) {
    await using upstream = await startUpstream({ pace: { ttft: 2, itl: 1, jitter: 0.3 } });
    const response = await fetch(`${upstream.url}/v1/chat/completions`, { method: "POST", body });
    texts.push(await response.text());
    texts.push(await overHttp2(upstream, body));
    assert.equal(upstream.journal.entries()[1]?.protocol, "h2");
    assert.equal(upstream.journal.entries()[1]?.bodyBytes, body.length);
    assert.equal(
      upstream.journal.entries()[1]?.bodySha256,
      upstream.journal.entries()[0]?.bodySha256,
    );
  }
  assert.ok(parseSse(texts[0] ?? "").events.length > 20);
  assert.deepEqual(new Set(texts).size, 1);
});

async function overHttp2(upstream: Upstream, body: string): Promise<string> {
  await using client = await RawHttp2Client.connect(upstream.port);
  client.post(1, "/v1/chat/completions", {}, body);
  const mine = (frames: Frame[]) => frames.filter(({ stream }) => stream === 1);
  const frames = await client.until((all) => mine(all).some(({ flags }) => (flags & 1) === 1));
  return mine(frames).filter(({ type }) => type === FRAME.DATA).map(({ payload }) => payload)
    .join("");
}

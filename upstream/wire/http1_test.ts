import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect } from "node:http2";
import fc from "fast-check";
import { startUpstream } from "../mod.ts";
import { BodyDecoder } from "./http1_body.ts";
import { HeadError, parseRequestHead } from "./http1_head.ts";
import { chunksOf, RawClient, request } from "../testing/raw_client.ts";

const HEALTH = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
const count = (text: string, part: string) => text.split(part).length - 1;

Deno.test("HTTP/1.1 answers pipelined requests in order on one connection", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  await using client = await RawClient.connect(upstream.port);
  client.send(HEALTH + HEALTH.replace("/healthz", "/v1/models") + HEALTH);
  const text = await client.until((seen) => count(seen, "HTTP/1.1 200") === 3);
  assert.ok(text.indexOf('"ok"') < text.indexOf('"list"'));
  assert.deepEqual(upstream.journal.entries().map((entry) => entry.connection), [1, 1, 1]);
});

Deno.test("HTTP/1.1 holds a pipelined request while a stream runs", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  upstream.scripts.set("hold-1", { steps: [{ event: { data: "1" } }, { barrier: "go" }] });
  await using client = await RawClient.connect(upstream.port);
  client.send(request("/x", { headers: { "x-mock-script": "hold-1" } }) + HEALTH);
  await upstream.barriers.arrival("hold-1/go");
  assert.equal(upstream.journal.entries().length, 1);
  upstream.barriers.release("hold-1/go");
  await client.until((text) => text.includes('"ok"'));
});

Deno.test("HTTP/1.1 leaves the connection to the other protocol after 101", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const headers = { connection: "Upgrade", upgrade: "echo" };
  upstream.scripts.set("switch", {
    steps: [{ headers: { status: 101, headers } }, { barrier: "heard" }, { write: "GET back" }],
  });
  await using client = await RawClient.connect(upstream.port);
  client.send("GET /x HTTP/1.1\r\nhost: a\r\nx-mock-script: switch\r\nupgrade: echo\r\n\r\n");
  await client.until((text) => text.startsWith("HTTP/1.1 101 ") && text.endsWith("\r\n\r\n"));
  client.send("\x81\0not HTTP\r\n\r\n");
  await upstream.journal.waitFor(({ bodyBytes }) => bodyBytes === 14);
  upstream.barriers.release("switch/heard");
  await client.until((text) => text.endsWith("\r\n\r\nGET back"));
  assert.equal(upstream.journal.entries().length, 1);
});

Deno.test("HTTP/1.1 takes chunked uploads, cut anywhere", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  await using client = await RawClient.connect(upstream.port);
  const body = "x".repeat(70_000);
  const head = "POST /v1/files HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
  const wire = `${head}${(40_000).toString(16)};ext=1\r\n${body.slice(0, 40_000)}\r\n` +
    `${(30_000).toString(16).toUpperCase()}\r\n${body.slice(40_000)}\r\n0\r\nx-trailer: 1\r\n\r\n`;
  for (let at = 0; at < wire.length; at += 9973) client.send(wire.slice(at, at + 9973));
  const exchange = await upstream.journal.waitFor((entry) => entry.bodyEnd !== undefined);
  assert.equal(exchange.bodyBytes, 70_000);
  assert.equal(exchange.bodySha256, createHash("sha256").update(body).digest("hex"));
});

Deno.test("BodyDecoder takes the same body for every cut of every chunking", () => {
  fc.assert(fc.property(
    fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 }),
    fc.integer({ min: 1, max: 50 }),
    (chunks, size) => {
      const rest = "GET / HTTP/1.1";
      const text = chunks.map((chunk) =>
        `${chunk.length.toString(16)}\r\n${String.fromCharCode(...chunk)}\r\n`
      ).join("") + `0\r\n\r\n${rest}`;
      const wire = Uint8Array.from(text, (c) =>
        c.charCodeAt(0));
      const decoder = new BodyDecoder({ kind: "chunked" });
      const body: number[] = [];
      let used = 0;
      for (let at = 0; at < wire.length && !decoder.done; at += size) {
        used += decoder.take(wire.subarray(at, at + size), (piece) => body.push(...piece));
      }
      assert.ok(decoder.done);
      assert.deepEqual(body, chunks.flatMap((chunk) => [...chunk]));
      assert.equal(wire.length - used, rest.length);
    },
  ));
});

Deno.test("HTTP/1.1 sends 100 Continue only when the body is wanted", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  upstream.scripts.set("early-1", {
    early: true,
    steps: [{ headers: { status: 413, headers: { "content-length": "0" } } }, { end: true }],
  });
  await using client = await RawClient.connect(upstream.port);
  const head = (extra: string) =>
    `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n${extra}\r\n`;
  client.send(head(""));
  await client.until((text) => text === "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("{}");
  await client.until((text) => text.includes("HTTP/1.1 400"));
  await using early = await RawClient.connect(upstream.port);
  early.send(head("x-mock-script: early-1\r\n"));
  await early.until((text) => text.endsWith("\r\n\r\n"));
  assert.ok(early.text.startsWith("HTTP/1.1 413"));
});

Deno.test("HTTP/1.1 answers HEAD, HTTP/1.0 and connection: close as they want", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  await using head = await RawClient.connect(upstream.port);
  head.send(HEALTH.replace("GET", "HEAD") + HEALTH);
  const text = await head.until((seen) => seen.includes('"ok"'));
  assert.equal(count(text, "content-length: 15"), 2);
  assert.equal(count(text, '"ok"'), 1);
  await using old = await RawClient.connect(upstream.port);
  old.send("GET /healthz HTTP/1.0\r\n\r\n");
  assert.equal((await old.ended()).end, "fin");
  assert.match(old.text, /connection: close\r\n[^]*"ok"}$/);
  await using closing = await RawClient.connect(upstream.port);
  closing.send(HEALTH.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
  assert.equal((await closing.ended()).end, "fin");
  assert.match(closing.text, /connection: close/);
});

const MALFORMED: [string, string, RegExp][] = [
  [
    "both framings",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n",
    /Ambiguous/,
  ],
  [
    "two content-lengths",
    "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\n",
    /Ambiguous/,
  ],
  [
    "an obfuscated transfer-encoding",
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n",
    /not understood/,
  ],
  ["a space before the colon", "GET / HTTP/1.1\r\nhost : a\r\n\r\n", /malformed field line/],
  ["line folding", "GET / HTTP/1.1\r\nhost: a\r\n x: 1\r\n\r\n", /folding/],
  ["a bare LF", "GET / HTTP/1.1\r\nhost: a\nx: 1\r\n\r\n", /Bare LF/],
  ["a NUL in a value", "GET / HTTP/1.1\r\nhost: a\0b\r\n\r\n", /control character/],
  ["no host", "GET / HTTP/1.1\r\nx: 1\r\n\r\n", /Host/],
  ["two hosts", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", /Host/],
  ["a request line that is none", "hello\r\n\r\n", /request line/],
  [
    "a bad chunk size",
    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    /chunk size/,
  ],
];

for (const [name, wire, says] of MALFORMED) {
  Deno.test(`HTTP/1.1 refuses ${name}, and keeps the evidence`, async () => {
    await using upstream = await startUpstream({ pace: "none" });
    await using client = await RawClient.connect(upstream.port);
    client.send(wire + HEALTH);
    const answer = await client.ended();
    assert.match(answer.text, /^HTTP\/1\.1 (400|501)/);
    assert.equal(count(answer.text, "HTTP/1.1"), 1);
    const [exchange, ...others] = upstream.journal.entries();
    assert.deepEqual(others, []);
    assert.match(exchange?.problem ?? "", says);
    assert.ok(exchange?.rawHead?.startsWith(wire.slice(0, 10)));
  });
}

Deno.test("parseRequestHead() keeps order, case and duplicates", () => {
  const head = parseRequestHead("GET /a?b HTTP/1.1\r\nHost: a\r\nX-B:1\r\nx-b: \t2 \r\nX-B:");
  assert.deepEqual(head.headers, [["Host", "a"], ["X-B", "1"], ["x-b", "2"], ["X-B", ""]]);
  assert.equal(head.target, "/a?b");
  assert.throws(() => parseRequestHead("GET  / HTTP/1.1\r\nhost: a"), HeadError);
});

Deno.test("the raw head keeps every byte of a header that is not UTF-8", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  await using client = await RawClient.connect(upstream.port);
  client.send("GET /healthz HTTP/1.1\r\nhost: a\r\nx: \xc3\x28\x80\x9f\r\n\r\n");
  await client.until((text) => text.includes('"ok"'));
  assert.deepEqual(upstream.journal.entries()[0]?.headers[1], ["x", "\xc3\x28\x80\x9f"]);
});

Deno.test("HTTP/1.1 sends no body with 204 and no framing header", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  upstream.scripts.set("empty-1", {
    steps: [{ headers: { status: 204, headers: {} } }, { write: "ignored" }, { end: true }],
  });
  await using client = await RawClient.connect(upstream.port);
  client.send(request("/", { headers: { "x-mock-script": "empty-1" } }) + HEALTH);
  const text = await client.until((seen) => seen.includes('"ok"'));
  assert.equal(text.slice(0, text.indexOf("HTTP/1.1 200")), "HTTP/1.1 204 No Content\r\n\r\n");
});

Deno.test("slow_read lets the client's upload stall", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  upstream.scripts.set("slow-1", { steps: [{ slow_read: 1000 }, { hang: true }] });
  await using client = await RawClient.connect(upstream.port);
  const size = 32 * 1024 * 1024;
  client.send(
    `POST / HTTP/1.1\r\nhost: a\r\nx-mock-script: slow-1\r\ncontent-length: ${size}\r\n\r\n`,
  );
  await upstream.journal.waitFor((entry) => entry.script === "header");
  const accepted = client.socket.write(new Uint8Array(size));
  const exchange = await upstream.journal.waitFor((entry) => entry.bodyBytes > 0);
  assert.equal(accepted, false);
  assert.ok(client.socket.writableLength > 0);
  assert.ok(exchange.bodyBytes < 1024 * 1024);
});

Deno.test("slow_read holds an upload back over h2c too", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  upstream.scripts.set("slow-1", { steps: [{ slow_read: 1000 }, { hang: true }] });
  const session = connect(upstream.url);
  const stream = session.request({
    ":method": "POST",
    ":path": "/",
    "x-mock-script": "slow-1",
  });
  stream.on("error", () => {});
  stream.write(new Uint8Array(8 * 1024 * 1024));
  const exchange = await upstream.journal.waitFor((entry) => entry.bodyBytes > 0);
  assert.ok(exchange.bodyBytes <= 1024 * 1024);
  stream.close(8);
  await upstream.journal.waitFor((entry) => entry.end === "h2-rst");
  await new Promise<void>((resolve) => session.close(() => resolve()));
});

Deno.test("a slow reader shows as write stall, and memory stays bounded", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const event = { event: { data: "x".repeat(100_000) } };
  upstream.scripts.set("big-1", { steps: [{ repeat: { times: 400, steps: [event] } }] });
  // Reads only when asked: a paused node:net socket has read ahead, and Deno 2.6 then mixes up what it read.
  using client = await Deno.connect({ hostname: "127.0.0.1", port: upstream.port });
  const ask = request("/", { headers: { "x-mock-script": "big-1", connection: "close" } });
  await client.write(new TextEncoder().encode(ask));
  // Far below 40 MB: what the kernel takes, and one event.
  const exchange = await upstream.journal.waitFor((entry) => entry.events > 0);
  await upstream.journal.waitFor((entry) => entry.bytesWritten > 100_000);
  const text = await new Response(client.readable).text();
  await upstream.journal.waitFor((entry) => entry.end === "completed");
  assert.ok(exchange.writeStallMs > 0);
  assert.equal(chunksOf(text).length, 400);
});

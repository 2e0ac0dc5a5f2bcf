import assert from "node:assert/strict";
import { resetSocket } from "../../service/mod.ts";
import { startUpstream, type UpstreamScript } from "../mod.ts";
import { RawClient, request } from "../testing/raw_client.ts";
import { FRAME, type Frame, RawHttp2Client } from "../testing/raw_http2_client.ts";

/** The client has read what was written before. */
const SEEN = { barrier: "seen" };

/** Runs a script against a raw HTTP/1.1 client until the mock ends the connection. */
async function http1(steps: UpstreamScript["steps"]) {
  await using upstream = await startUpstream({ pace: "none" });
  upstream.scripts.set("fault-1", { steps });
  await using client = await RawClient.connect(upstream.port);
  client.send(
    request("/v1/chat/completions", { headers: { "x-mock-script": "fault-1" }, body: "{}" }),
  );
  if (steps.includes(SEEN)) {
    await client.until((text) => text.includes("data: 1\n\n"));
    upstream.barriers.release("fault-1/seen");
  }
  const answer = await client.ended();
  const exchange = await upstream.journal.waitFor((entry) => entry.end !== undefined);
  assert.equal(exchange.end, "aborted");
  assert.equal(exchange.bodyBytes, 2);
  return answer;
}

const HTTP1: {
  name: string;
  steps: UpstreamScript["steps"];
  end: "fin" | "rst";
  sees: (text: string) => boolean;
}[] = [
  {
    name: "abort fin before the head is an empty reply",
    steps: [{ abort: "fin" }],
    end: "fin",
    sees: (text) => text === "",
  },
  {
    name: "abort fin in a stream leaves out the last chunk",
    steps: [{ event: { data: "1" } }, { abort: "fin" }],
    end: "fin",
    sees: (text) => text.endsWith("9\r\ndata: 1\n\n\r\n") && !text.includes("\r\n0\r\n"),
  },
  {
    name: "abort rst before the head resets",
    steps: [{ abort: "rst" }],
    end: "rst",
    sees: (text) => text === "",
  },
  {
    name: "abort rst in a stream resets after the events",
    steps: [{ event: { data: "1" } }, SEEN, { abort: "rst" }],
    end: "rst",
    sees: (text) => text.endsWith("data: 1\n\n\r\n"),
  },
  {
    name: "abort bad_chunk sends a chunk size that is none",
    steps: [{ event: { data: "1" } }, { abort: "bad_chunk" }],
    end: "fin",
    sees: (text) => text.endsWith("data: 1\n\n\r\nzz\r\nnot a chunk\r\n"),
  },
  {
    name: "abort bad_chunk before the head makes a head of its own",
    steps: [{ abort: "bad_chunk" }],
    end: "fin",
    sees: (text) => text.startsWith("HTTP/1.1 200") && text.endsWith("zz\r\nnot a chunk\r\n"),
  },
  {
    name: "abort short_length closes before content-length is reached",
    steps: [{ abort: "short_length" }],
    end: "fin",
    sees: (text) => text.includes("content-length: 4096\r\n") && text.endsWith('{"id":"'),
  },
  {
    name: "abort short_length in a stream closes inside a chunk",
    steps: [{ event: { data: "1" } }, { abort: "short_length" }],
    end: "fin",
    sees: (text) => text.endsWith("1000\r\nshort"),
  },
  {
    name: "abort short_length keeps a content-length that the script set",
    steps: [
      { headers: { headers: { "content-length": "10" } } },
      { write: "abc" },
      { abort: "short_length" },
    ],
    end: "fin",
    sees: (text) => text.includes("content-length: 10\r\n") && text.endsWith("\r\n\r\nabc"),
  },
  {
    name: "abort garbage before the head sends bytes that are no HTTP",
    steps: [{ abort: "garbage" }],
    end: "fin",
    sees: (text) => text.startsWith("\x00\xff") && !text.includes("HTTP/1.1"),
  },
  {
    name: "abort garbage after the head is a malformed chunk (WireMock's kind)",
    steps: [{ headers: {} }, { abort: "garbage" }],
    end: "fin",
    sees: (text) => text.startsWith("HTTP/1.1 200 OK") && text.includes("\r\n\r\n\x00\xff"),
  },
  {
    name: "abort goaway on HTTP/1.1 closes as fin does",
    steps: [{ abort: "goaway" }],
    end: "fin",
    sees: (text) => text === "",
  },
];

for (const { name, steps, end, sees } of HTTP1) {
  Deno.test(`on HTTP/1.1, ${name}`, async () => {
    const answer = await http1(steps);
    assert.equal(answer.end, end);
    assert.ok(sees(answer.text), JSON.stringify(answer.text));
  });
}

const errorCode = (frame: Frame | undefined) => frame?.payload.charCodeAt(frame.payload.length - 1);
const only = (frames: Frame[], type: number, stream = 1) =>
  frames.filter((frame) => frame.type === type && frame.stream === stream);
const endStream = (frames: Frame[]) =>
  frames.some((frame) => frame.stream === 1 && frame.type <= 1 && (frame.flags & 1) === 1);

const HTTP2: {
  name: string;
  steps: UpstreamScript["steps"];
  until: (frames: Frame[]) => boolean;
  check: (client: RawHttp2Client) => void;
}[] = [
  {
    name: "abort rst resets the stream with INTERNAL_ERROR and nothing else",
    steps: [{ event: { data: "1" } }, SEEN, { abort: "rst" }],
    until: (frames) => only(frames, FRAME.RST_STREAM).length > 0,
    check: (client) => {
      const frames = client.frames();
      assert.equal(only(frames, FRAME.DATA)[0]?.payload, "data: 1\n\n");
      assert.equal(errorCode(only(frames, FRAME.RST_STREAM)[0]), 2);
      assert.equal(only(frames, FRAME.RST_STREAM).length, 1);
      assert.ok(!endStream(frames));
      assert.equal(client.raw.end, "open");
    },
  },
  {
    name: "abort tcp_rst resets the connection",
    steps: [{ event: { data: "1" } }, SEEN, { abort: "tcp_rst" }],
    until: () => false,
    check: (client) => assert.equal(client.raw.end, "rst"),
  },
  {
    name: "abort fin closes the connection without END_STREAM",
    steps: [{ event: { data: "1" } }, SEEN, { abort: "fin" }],
    until: () => false,
    check: (client) => {
      assert.equal(client.raw.end, "fin");
      assert.equal(only(client.frames(), FRAME.DATA)[0]?.payload, "data: 1\n\n");
      assert.ok(!endStream(client.frames()));
    },
  },
  {
    name: "abort goaway says that no stream was processed",
    steps: [{ abort: "goaway" }],
    until: () => false,
    check: (client) => {
      const goaway = only(client.frames(), FRAME.GOAWAY, 0)[0];
      assert.equal(goaway?.payload.slice(0, 8), "\0".repeat(8));
      assert.equal(client.raw.end, "fin");
    },
  },
  {
    name: "abort bad_chunk sends DATA with more padding than frame",
    steps: [{ event: { data: "1" } }, SEEN, { abort: "bad_chunk" }],
    until: () => false,
    check: (client) => {
      const bad = only(client.frames(), FRAME.DATA)[1];
      assert.equal(bad?.flags, 8);
      assert.equal(bad?.payload, "\xff\x01\x02");
    },
  },
  {
    name: "abort short_length ends the stream before content-length is reached",
    steps: [{ abort: "short_length" }],
    until: endStream,
    check: (client) => {
      const data = only(client.frames(), FRAME.DATA).map((frame) => frame.payload).join("");
      assert.equal(data, '{"id":"');
    },
  },
  {
    name: "abort garbage sends bytes that are no frame",
    steps: [{ event: { data: "1" } }, SEEN, { abort: "garbage" }],
    until: () => false,
    check: (client) => {
      assert.ok(client.raw.text.includes("garbage, not a frame"));
      assert.equal(client.raw.end, "fin");
    },
  },
];

for (const { name, steps, until, check } of HTTP2) {
  Deno.test(`on h2c, ${name}`, async () => {
    await using upstream = await startUpstream({ pace: "none" });
    upstream.scripts.set("fault-1", { steps });
    await using client = await RawHttp2Client.connect(upstream.port);
    client.post(1, "/v1/chat/completions", { "x-mock-script": "fault-1" });
    if (steps.includes(SEEN)) {
      await client.until((frames) => only(frames, FRAME.DATA).length > 0);
      upstream.barriers.release("fault-1/seen");
    }
    await client.until(until);
    check(client);
    const exchange = await upstream.journal.waitFor((entry) => entry.end !== undefined);
    assert.equal(exchange.end, "aborted");
    assert.equal(exchange.protocol, "h2");
  });
}

Deno.test("on h2c, a reset stream leaves its siblings alive", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  upstream.scripts.set("fault-1", { steps: [{ event: { data: "1" } }, { abort: "rst" }] });
  upstream.scripts.set("sibling", {
    steps: [{ event: { data: "a" } }, { barrier: "go" }, { event: { data: "b" } }],
  });
  await using client = await RawHttp2Client.connect(upstream.port);
  client.post(1, "/v1/chat/completions", { "x-mock-script": "sibling" });
  client.post(3, "/v1/chat/completions", { "x-mock-script": "fault-1" });
  await client.until((frames) => only(frames, FRAME.RST_STREAM, 3).length > 0);
  upstream.barriers.release("sibling/go");
  const frames = await client.until(endStream);
  const text = only(frames, FRAME.DATA).map((frame) => frame.payload).join("");
  assert.equal(text, "data: a\n\ndata: b\n\n");
});

const LEAVES: [string, (client: RawHttp2Client) => void][] = [
  ["h2-rst", (client) => client.cancel(1)],
  ["client-fin", (client) => void client.raw.socket.end()],
  ["client-rst", (client) => void resetSocket(client.raw.socket)],
];

for (const [end, leave] of LEAVES) {
  Deno.test(`on h2c, the journal tells that the peer left with ${end}`, async () => {
    await using upstream = await startUpstream({ pace: "none" });
    upstream.scripts.set("hang-1", { steps: [{ event: { data: "1" } }, { hang: true }] });
    await using client = await RawHttp2Client.connect(upstream.port);
    client.post(1, "/v1/chat/completions", { "x-mock-script": "hang-1" });
    await client.until((frames) => only(frames, FRAME.DATA).length > 0);
    leave(client);
    const exchange = await upstream.journal.waitFor((entry) => entry.end !== undefined);
    assert.equal(exchange.end, end);
  });
}

Deno.test("trailers follow the body on HTTP/1.1 and on h2c", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  upstream.scripts.set("trail-1", {
    steps: [{ write: "x" }, { trailers: { "x-checksum": "7" } }, { end: true }],
  });
  await using http1 = await RawClient.connect(upstream.port);
  http1.send(request("/", { headers: { "x-mock-script": "trail-1" } }));
  const text = await http1.until((seen) => seen.includes("x-checksum"));
  assert.match(text, /1\r\nx\r\n0\r\nx-checksum: 7\r\n\r\n$/);
  await using http2 = await RawHttp2Client.connect(upstream.port);
  http2.post(1, "/", { "x-mock-script": "trail-1" });
  const frames = await http2.until(endStream);
  const last = frames.filter((frame) => frame.stream === 1).at(-1);
  assert.equal(last?.type, FRAME.HEADERS);
});

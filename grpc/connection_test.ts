import assert from "node:assert/strict";
import { frame } from "./frame.ts";
import { type GrpcServer, startGrpcServer } from "./server.ts";
import {
  encodeHeaders,
  FLAG,
  FRAME,
  FrameReader,
  FrameWriter,
  H2_ERROR,
  PREFACE,
  STREAM_WINDOW,
  uint32,
} from "../http2/mod.ts";

/** Frames by hand, so that a test can say what no library would. */
class RawClient implements Disposable {
  readonly out = new FrameWriter();
  readonly #connection: Deno.Conn;
  readonly #reader = new FrameReader();
  readonly #seen: { type: number; flags: number; stream: number; payload: Uint8Array }[] = [];
  #frames: { type: number; flags: number; stream: number; payload: Uint8Array }[] = [];

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  static async connect(server: GrpcServer, settings: Uint8Array = new Uint8Array(0)) {
    const client = new RawClient(await Deno.connect({ hostname: server.host, port: server.port }));
    client.out.raw(new TextEncoder().encode(PREFACE));
    client.out.frame({ type: FRAME.SETTINGS, flags: 0, stream: 0 }, settings);
    return client;
  }

  headers(stream: number, flags: number): void {
    this.out.frame({ type: FRAME.HEADERS, flags, stream }, BLOCK);
  }

  async send(): Promise<void> {
    const bytes = this.out.take();
    for (let at = 0; at < bytes.length;) at += await this.#connection.write(bytes.subarray(at));
  }

  /** The next frame of a type, others dropped; undefined when the connection ends before. */
  async next(type: number, keep = false) {
    const buffer = new Uint8Array(65_536);
    while (true) {
      const at = this.#frames.findIndex((one) => one.type === type);
      if (at >= 0) {
        const passed = this.#frames.splice(0, at + 1);
        if (keep) this.#seen.push(...passed.slice(0, at));
        return passed[at];
      }
      const size = await this.#connection.read(buffer);
      if (size === null) return undefined;
      this.#reader.push(buffer.slice(0, size), (head, payload) => {
        this.#frames.push({ ...head, payload: payload.slice() });
        return true;
      });
    }
  }

  /** Every frame up to the next one of a type. */
  async until(type: number) {
    const last = await this.next(type, true);
    const frames = this.#seen.splice(0);
    return last === undefined ? frames : [...frames, last];
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

const BLOCK = encodeHeaders([
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/test.Echo/Same"],
  ["content-type", "application/grpc"],
]);

function echo(): Promise<GrpcServer> {
  return startGrpcServer({
    services: [{ name: "test.Echo", methods: { Same: { unary: (request) => request } } }],
  });
}

function setting(id: number, value: number): Uint8Array {
  const bytes = new Uint8Array(6);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, id);
  view.setUint32(2, value);
  return bytes;
}

Deno.test("H2Connection answers a ping and acknowledges settings", async () => {
  await using server = await echo();
  using client = await RawClient.connect(server);
  client.out.frame(
    { type: FRAME.PING, flags: 0, stream: 0 },
    new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]),
  );
  await client.send();
  assert.equal((await client.next(FRAME.SETTINGS))?.flags, 0);
  assert.equal((await client.next(FRAME.SETTINGS))?.flags, FLAG.ACK);
  const pong = await client.next(FRAME.PING);
  assert.deepEqual([pong?.flags, ...pong?.payload ?? []], [FLAG.ACK, 1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("H2Connection takes padding, priority and a block in pieces", async () => {
  await using server = await echo();
  using client = await RawClient.connect(server);
  const head = new Uint8Array([3, 0, 0, 0, 0, 15, ...BLOCK.slice(0, 10), 0, 0, 0]);
  client.out.frame({ type: FRAME.HEADERS, flags: FLAG.PADDED | FLAG.PRIORITY, stream: 1 }, head);
  client.out.frame({ type: FRAME.CONTINUATION, flags: 0, stream: 1 }, BLOCK.slice(10, 20));
  client.out.frame(
    { type: FRAME.CONTINUATION, flags: FLAG.END_HEADERS, stream: 1 },
    BLOCK.slice(20),
  );
  const data = new Uint8Array([2, ...frame(new Uint8Array([7, 7])), 0, 0]);
  client.out.frame({ type: FRAME.DATA, flags: FLAG.PADDED | FLAG.END_STREAM, stream: 1 }, data);
  await client.send();
  const answer = await client.next(FRAME.DATA);
  assert.deepEqual([...answer?.payload ?? []], [0, 0, 0, 0, 2, 7, 7]);
});

Deno.test("H2Connection takes a preface and frames that arrive byte by byte", async () => {
  await using server = await echo();
  const connection = await Deno.connect({ hostname: server.host, port: server.port });
  const out = new FrameWriter();
  out.raw(new TextEncoder().encode(PREFACE));
  out.frame({ type: FRAME.SETTINGS, flags: 0, stream: 0 }, new Uint8Array(0));
  out.frame({ type: FRAME.HEADERS, flags: FLAG.END_HEADERS, stream: 1 }, BLOCK);
  out.frame({ type: FRAME.DATA, flags: FLAG.END_STREAM, stream: 1 }, frame(new Uint8Array([5])));
  for (const byte of out.take()) await connection.write(new Uint8Array([byte]));
  const seen: number[] = [];
  const reader = new FrameReader();
  const buffer = new Uint8Array(1024);
  while (!seen.includes(FRAME.DATA)) {
    const size = await connection.read(buffer);
    reader.push(buffer.slice(0, size ?? 0), ({ type }) => seen.push(type) > 0);
  }
  connection.close();
  const answer = seen.filter((type) => type === FRAME.HEADERS || type === FRAME.DATA);
  assert.deepEqual(answer.slice(0, 2), [FRAME.HEADERS, FRAME.DATA]);
});

Deno.test("H2Connection sends no byte beyond the client's windows, and the rest when they open", async () => {
  await using server = await echo();
  using client = await RawClient.connect(server, setting(4, 10));
  client.headers(1, FLAG.END_HEADERS);
  client.out.frame(
    { type: FRAME.DATA, flags: FLAG.END_STREAM, stream: 1 },
    frame(new Uint8Array(20).fill(9)),
  );
  await client.send();
  assert.equal((await client.next(FRAME.DATA))?.payload.length, 10);
  client.out.number({ type: FRAME.WINDOW_UPDATE, flags: 0, stream: 1 }, 7);
  await client.send();
  assert.equal((await client.next(FRAME.DATA))?.payload.length, 7);
  // Section 6.9.2: a larger initial window counts for open streams too.
  client.out.frame({ type: FRAME.SETTINGS, flags: 0, stream: 0 }, setting(4, 1000));
  await client.send();
  assert.equal((await client.next(FRAME.DATA))?.payload.length, 8);
  assert.equal((await client.next(FRAME.HEADERS))?.flags, FLAG.END_HEADERS | FLAG.END_STREAM);
});

Deno.test("H2Connection lets one stream go on when another is reset", async () => {
  await using server = await echo();
  using client = await RawClient.connect(server);
  client.headers(1, FLAG.END_HEADERS);
  client.headers(3, FLAG.END_HEADERS);
  client.out.number({ type: FRAME.RST_STREAM, flags: 0, stream: 1 }, H2_ERROR.CANCEL);
  client.out.frame(
    { type: FRAME.DATA, flags: FLAG.END_STREAM, stream: 1 },
    frame(new Uint8Array(1)),
  );
  client.out.frame(
    { type: FRAME.DATA, flags: FLAG.END_STREAM, stream: 3 },
    frame(new Uint8Array(1)),
  );
  await client.send();
  assert.equal((await client.next(FRAME.DATA))?.stream, 3);
});

Deno.test.each<{ why: string; code: number; say: (client: RawClient) => void }>([
  {
    why: "data on a stream that never was",
    code: H2_ERROR.PROTOCOL_ERROR,
    say: ({ out }) => out.frame({ type: FRAME.DATA, flags: 0, stream: 5 }, new Uint8Array(1)),
  },
  {
    why: "a frame inside a header block",
    code: H2_ERROR.PROTOCOL_ERROR,
    say: (client) => {
      client.headers(1, 0);
      client.out.frame({ type: FRAME.PING, flags: 0, stream: 0 }, new Uint8Array(8));
    },
  },
  {
    why: "headers that cannot be decoded",
    code: H2_ERROR.COMPRESSION_ERROR,
    say: ({ out }) =>
      out.frame(
        { type: FRAME.HEADERS, flags: FLAG.END_HEADERS, stream: 1 },
        new Uint8Array([0xff, 0xff, 0x7f]),
      ),
  },
  {
    why: "a chain of CONTINUATION without end",
    code: H2_ERROR.ENHANCE_YOUR_CALM,
    say: (client) => {
      client.headers(1, 0);
      for (let i = 0; i < 5; i++) {
        client.out.frame(
          { type: FRAME.CONTINUATION, flags: 0, stream: 1 },
          new Uint8Array(16_000),
        );
      }
    },
  },
  {
    why: "a frame longer than allowed",
    code: H2_ERROR.FRAME_SIZE_ERROR,
    say: ({ out }) => out.frame({ type: FRAME.DATA, flags: 0, stream: 1 }, new Uint8Array(16_385)),
  },
  {
    why: "a window of zero",
    code: H2_ERROR.PROTOCOL_ERROR,
    say: ({ out }) => out.number({ type: FRAME.WINDOW_UPDATE, flags: 0, stream: 0 }, 0),
  },
  {
    why: "a window beyond 2^31-1",
    code: H2_ERROR.FLOW_CONTROL_ERROR,
    say: (client) => {
      client.headers(1, FLAG.END_HEADERS);
      client.out.number({ type: FRAME.WINDOW_UPDATE, flags: 0, stream: 0 }, 2 ** 31 - 1);
    },
  },
])("H2Connection ends with GOAWAY after $why", async ({ code, say }) => {
  await using server = await echo();
  using client = await RawClient.connect(server);
  say(client);
  await client.send();
  const goaway = await client.next(FRAME.GOAWAY);
  assert.equal(uint32(goaway?.payload ?? new Uint8Array(8), 4), code);
  assert.equal(await client.next(FRAME.DATA), undefined);
});

Deno.test("H2Connection tells a client without HTTP/2 what this port speaks", async () => {
  await using server = await echo();
  using connection = await Deno.connect({ hostname: server.host, port: server.port });
  await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
  const answer = await new Response(connection.readable).text();
  assert.match(answer, /^HTTP\/1\.1 400 .*This port speaks gRPC/s);
});

Deno.test("H2Connection holds a client back while its messages are not taken", async () => {
  const release = Promise.withResolvers<void>();
  await using server = await startGrpcServer({
    services: [{ name: "test.Echo", methods: { Same: { bidi: () => release.promise } } }],
  });
  using client = await RawClient.connect(server);
  client.headers(1, FLAG.END_HEADERS);
  const message = frame(new Uint8Array(16_000));
  // RFC 9113 section 6.5.2: what the server's SETTINGS say counts from the start of the stream.
  let window = STREAM_WINDOW;
  let sent = 0;
  for (let round = 0; round < 10; round++) {
    for (; window >= message.length; window -= message.length, sent += message.length) {
      client.out.frame({ type: FRAME.DATA, flags: 0, stream: 1 }, message);
    }
    client.out.frame({ type: FRAME.PING, flags: 0, stream: 0 }, new Uint8Array(8));
    await client.send();
    for (const frame of await client.until(FRAME.PING)) {
      if (frame.type === FRAME.WINDOW_UPDATE && frame.stream === 1) {
        window += uint32(frame.payload, 0);
      }
    }
  }
  release.resolve();
  // Its first window, and as much again that waits to be taken; then no more.
  assert.ok(sent > STREAM_WINDOW / 2, `${sent} bytes`);
  assert.ok(sent <= 2 * STREAM_WINDOW, `${sent} bytes`);
  assert.ok(window < message.length);
});

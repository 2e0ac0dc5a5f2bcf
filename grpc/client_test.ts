import assert from "node:assert/strict";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { targetOf } from "./dial.ts";
import {
  connectGrpc,
  GRPC_STATUS,
  type GrpcService,
  startGrpcServer,
  WIRE_FAULTS,
  type WireFaultName,
} from "./mod.ts";

const MESSAGE = new TextEncoder().encode("a message");
const { INTERNAL, UNAVAILABLE, UNKNOWN, RESOURCE_EXHAUSTED } = GRPC_STATUS;

/** Errors for the caller, by broken answer. */
const TOLD: Record<WireFaultName, { code: number; details: RegExp }> = {
  no_grpc_status: { code: UNKNOWN, details: /ended without grpc-status/ },
  no_trailers: { code: UNKNOWN, details: /ended without grpc-status/ },
  headers_only: { code: UNKNOWN, details: /ended without grpc-status/ },
  truncated_message: { code: INTERNAL, details: /ended within a message/ },
  truncated_frame: { code: UNAVAILABLE, details: /connection was lost/ },
  rst_stream: { code: INTERNAL, details: /reset the stream with code 2/ },
  refused_stream: { code: UNAVAILABLE, details: /reset the stream with code 7/ },
  rst_after_headers: { code: INTERNAL, details: /reset the stream with code 2/ },
  goaway: { code: UNAVAILABLE, details: /code 7/ },
  goaway_error: { code: UNAVAILABLE, details: /code 7/ },
  tcp_fin: { code: UNAVAILABLE, details: /connection was lost/ },
  tcp_rst: { code: UNAVAILABLE, details: /connection was lost/ },
  protocol_error: { code: UNAVAILABLE, details: /connection was lost/ },
  http_503: { code: UNAVAILABLE, details: /HTTP status 503/ },
  wrong_content_type: { code: UNKNOWN, details: /no gRPC: content-type "text\/html"/ },
};

/** Breaks its answers in the given order, then echoes. */
function breaking(faults: WireFaultName[]): { service: GrpcService; asked: () => number } {
  let asked = 0;
  const unary = (message: Uint8Array) => {
    const fault = faults[asked++];
    return fault === undefined ? message : { fault, message };
  };
  return { service: { name: "test.Broken", methods: { Answer: { unary } } }, asked: () => asked };
}

for (const fault of WIRE_FAULTS) {
  Deno.test(`connectGrpc() tells ${fault} from an answer, and the next call works`, async () => {
    // A call that the server refused unseen is asked once more.
    const retried = ["refused_stream", "goaway", "goaway_error"].includes(fault);
    const { service, asked } = breaking(retried ? [fault, fault] : [fault]);
    await using server = await startGrpcServer({ services: [service] });
    using client = connectGrpc({ address: server.address });
    const error = await client.unary("/test.Broken/Answer", MESSAGE).catch((reason) => reason);
    assert.equal(error.code, TOLD[fault].code, error.message);
    assert.match(error.details, TOLD[fault].details);
    assert.equal(asked(), retried ? 2 : 1);
    assert.deepEqual(new Uint8Array(await client.unary("/test.Broken/Answer", MESSAGE)), MESSAGE);
  });
}

Deno.test("connectGrpc() asks once more what the server refused unseen, and only that", async () => {
  const { service, asked } = breaking(["goaway"]);
  await using server = await startGrpcServer({ services: [service] });
  using client = connectGrpc({ address: server.address });
  assert.deepEqual(new Uint8Array(await client.unary("/test.Broken/Answer", MESSAGE)), MESSAGE);
  assert.equal(asked(), 2);
});

Deno.test("connectGrpc() says where nobody listens, to each call anew", async () => {
  using client = connectGrpc({ address: "127.0.0.1:1" });
  for (let i = 0; i < 2; i++) {
    const error = await client.unary("/test.Broken/Answer", MESSAGE).catch((reason) => reason);
    assert.equal(error.code, UNAVAILABLE);
    assert.match(error.details, /^Cannot connect to 127\.0\.0\.1:1: /);
  }
});

Deno.test("connectGrpc() refuses an address that is none", () => {
  for (const address of ["", "here", "127.0.0.1", "::1:80", "host:99999", "http://host:80"]) {
    assert.throws(() => connectGrpc({ address }), /expected HOST:PORT or unix:PATH/, address);
  }
});

Deno.test("connectGrpc() reaches an IPv4 address by name, and reads an IPv6 one", async () => {
  const { service } = breaking([]);
  await using server = await startGrpcServer({ services: [service] });
  using client = connectGrpc({ address: `localhost:${server.port}` });
  assert.equal((await client.unary("/test.Broken/Answer", MESSAGE)).length, MESSAGE.length);
  assert.deepEqual(targetOf({ address: "[::1]:80" }).endpoint, { host: "::1", port: 80 });
});

Deno.test("connectGrpc() ends its calls when it is disposed", async () => {
  const arrived = Promise.withResolvers<void>();
  const unary = () => {
    arrived.resolve();
    return new Promise<never>(() => {});
  };
  await using server = await startGrpcServer({
    services: [{ name: "test.Hang", methods: { Hang: { unary } } }],
  });
  const client = connectGrpc({ address: server.address });
  const call = client.unary("/test.Hang/Hang", MESSAGE);
  const stream = client.bidi("/test.Hang/Nowhere");
  await assert.rejects(stream.messages[Symbol.asyncIterator]().next(), { code: 12 });
  await arrived.promise;
  client[Symbol.dispose]();
  await assert.rejects(call, { code: GRPC_STATUS.CANCELLED });
});

Deno.test("connectGrpc() does not connect for a caller that has left", async () => {
  using client = connectGrpc({ address: "127.0.0.1:1" });
  const signal = AbortSignal.abort();
  await assert.rejects(client.unary("/a/B", MESSAGE, { signal }), { code: GRPC_STATUS.CANCELLED });
});

Deno.test("connectGrpc() opens no more streams than allowed by a server of node:http2", async () => {
  const server = http2.createServer({ settings: { maxConcurrentStreams: 3 } });
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  let open = 0;
  let most = 0;
  server.on("stream", (stream: http2.ServerHttp2Stream) => {
    most = Math.max(most, ++open);
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, {
      waitForTrailers: true,
    });
    stream.on("wantTrailers", () => {
      open--;
      stream.sendTrailers({ "grpc-status": String(RESOURCE_EXHAUSTED), "grpc-message": "a%20b" });
    });
    stream.on("error", () => {});
    stream.resume();
    stream.on("end", () => stream.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  using client = connectGrpc({ address: `127.0.0.1:${port}` });
  // The first answer comes after the server's settings.
  const refused = { code: RESOURCE_EXHAUSTED, details: "a b" };
  await assert.rejects(client.unary("/a/B", MESSAGE), refused);
  await Promise.all(
    Array.from({ length: 20 }, () => assert.rejects(client.unary("/a/B", MESSAGE), refused)),
  );
  assert.equal(open, 0);
  assert.ok(most <= 3, `${most} streams at once`);
  client[Symbol.dispose]();
  for (const session of sessions) session.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

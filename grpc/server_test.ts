import assert from "node:assert/strict";
import {
  connectGrpc,
  type GrpcClient,
  GrpcError,
  type GrpcService,
  startGrpcServer,
} from "./mod.ts";
import { UnavailableError } from "../service/mod.ts";
import { messageCodec } from "./messages/mod.ts";
import { connectGrpcJs } from "./testing/grpc_js_client.ts";

const text = new TextEncoder();

/** Each of our two sides with itself and with the reference's other side. */
const PAIRS = [
  { pair: "native", engine: "native", connect: connectGrpc },
  { pair: "native, called by grpc-js", engine: "native", connect: connectGrpcJs },
  { pair: "grpc-js", engine: "grpc-js", connect: connectGrpc },
] as const;

/** A service that does one thing of each kind. */
function echo(seen: { cancelled?: () => void } = {}): GrpcService {
  return {
    name: "test.Echo",
    methods: {
      Same: { unary: (request) => request },
      Later: { unary: (request) => Promise.resolve(request) },
      Refuse: {
        unary: () => {
          throw new GrpcError(7, "no – never 100%");
        },
      },
      Crash: {
        unary: () => {
          throw new Error("secret of the handler");
        },
      },
      Meta: {
        unary: (_request, call) => text.encode(JSON.stringify(call.metadata)),
      },
      Hang: {
        unary: (_request, call) =>
          new Promise((_, reject) =>
            call.signal.addEventListener("abort", () => {
              seen.cancelled?.();
              reject(call.signal.reason);
            })
          ),
      },
      Chat: {
        bidi: async (call) => {
          for await (const message of call.messages) await call.write(message);
        },
      },
      Fail: {
        bidi: async (call) => {
          await call.write(new Uint8Array([1]));
          throw new GrpcError(8, "enough");
        },
      },
    },
  };
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const out: Uint8Array[] = [];
  for await (const message of stream) out.push(message);
  return out;
}

for (const { pair, engine, connect } of PAIRS) {
  Deno.test(`startGrpcServer() with ${pair} answers unary calls, sync and async, of any size`, async () => {
    await using server = await startGrpcServer({ services: [echo()], engine });
    using client = connect({ address: server.address });
    for (const size of [0, 1, 16_379, 65_535, 300_000, 3_000_000]) {
      const message = new Uint8Array(size).fill(size % 251);
      for (const method of ["Same", "Later"]) {
        const answer = await client.unary(`/test.Echo/${method}`, message);
        assert.equal(answer.length, size);
        assert.equal(answer.every((byte) => byte === size % 251), true);
      }
    }
  });

  Deno.test(`startGrpcServer() with ${pair} answers a GrpcError with its status and message`, async () => {
    await using server = await startGrpcServer({ services: [echo()], engine });
    using client = connect({ address: server.address });
    const refused = await failure(client, "Refuse");
    assert.deepEqual([refused.code, refused.details], [7, "no – never 100%"]);
    const crashed = await failure(client, "Crash");
    assert.equal(crashed.code, 13);
    assert.doesNotMatch(crashed.message, /secret/);
    assert.equal((await failure(client, "Nowhere")).code, 12);
  });

  Deno.test(`startGrpcServer() with ${pair} gives the handler metadata and tells it of a cancel`, async () => {
    const cancelled = Promise.withResolvers<void>();
    await using server = await startGrpcServer({
      services: [echo({ cancelled: cancelled.resolve })],
      engine,
    });
    using client = connect({ address: server.address });
    const metadata = { "x-request-id": "r-1" };
    const answer = await client.unary("/test.Echo/Meta", new Uint8Array(0), { metadata });
    assert.equal(JSON.parse(new TextDecoder().decode(answer))["x-request-id"], "r-1");
    const abort = new AbortController();
    const call = client.unary("/test.Echo/Hang", new Uint8Array(0), { signal: abort.signal });
    // One answered call behind it on the same connection proves that the first has arrived.
    await client.unary("/test.Echo/Same", new Uint8Array(0));
    abort.abort();
    await assert.rejects(call, { code: 1 });
    await cancelled.promise;
  });

  Deno.test(`startGrpcServer() with ${pair} ends a call at its deadline`, async () => {
    await using server = await startGrpcServer({ services: [echo()], engine });
    using client = connect({ address: server.address });
    await assert.rejects(
      client.unary("/test.Echo/Hang", new Uint8Array(0), { deadlineMs: 100 }),
      { code: 4 },
    );
  });

  Deno.test(`startGrpcServer() with ${pair} streams both ways and ends with a status`, async () => {
    await using server = await startGrpcServer({ services: [echo()], engine });
    using client = connect({ address: server.address });
    const chat = client.bidi("/test.Echo/Chat");
    const messages = chat.messages[Symbol.asyncIterator]();
    for (let i = 0; i < 5; i++) {
      chat.write(new Uint8Array([i]));
      assert.deepEqual([...(await messages.next()).value ?? []], [i]);
    }
    chat.end();
    assert.equal((await messages.next()).done, true);
    const failing = client.bidi("/test.Echo/Fail");
    await assert.rejects(collect(failing.messages), { code: 8, details: "enough" });
  });

  Deno.test(`startGrpcServer() with ${pair} streams messages longer than any window`, async () => {
    await using server = await startGrpcServer({ services: [echo()], engine });
    using client = connect({ address: server.address });
    const chat = client.bidi("/test.Echo/Chat");
    const sent = [1_048_576, 3_000_000, 0, 70_000].map((size, n) =>
      new Uint8Array(size).map((_byte, i) => (i * 7 + n) % 251)
    );
    for (const message of sent) chat.write(message);
    chat.end();
    const answers = await collect(chat.messages);
    assert.deepEqual(answers.map(({ length }) => length), sent.map(({ length }) => length));
    answers.forEach((answer, n) => {
      assert.equal(answer.every((byte, i) => byte === (i * 7 + n) % 251), true);
    });
  });

  Deno.test(`startGrpcServer() with ${pair} serves health, and Watch reports a change`, async () => {
    await using server = await startGrpcServer({ services: [echo()], engine });
    using client = connect({ address: server.address });
    const request = messageCodec("grpc.health.v1.HealthCheckRequest");
    const response = messageCodec("grpc.health.v1.HealthCheckResponse");
    const check = async (service: string) =>
      response.decode(
        await client.unary("/grpc.health.v1.Health/Check", request.encode({ service })),
      )["status"];
    assert.equal(await check(""), "SERVING");
    assert.equal(await check("test.Echo"), "SERVING");
    await assert.rejects(check("test.Other"), { code: 5 });
    const watch = client.bidi("/grpc.health.v1.Health/Watch");
    watch.write(request.encode({ service: "test.Echo" }));
    watch.end();
    const statuses = watch.messages[Symbol.asyncIterator]();
    assert.equal(response.decode((await statuses.next()).value)["status"], "SERVING");
    server.setHealth("test.Echo", "NOT_SERVING");
    assert.equal(response.decode((await statuses.next()).value)["status"], "NOT_SERVING");
    watch.cancel();
    await assert.rejects(statuses.next(), { code: 1 });
  });

  Deno.test(`startGrpcServer() with ${pair} names its services and their messages by reflection`, async () => {
    await using server = await startGrpcServer({
      services: [{
        name: "envoy.service.auth.v3.Authorization",
        methods: { Check: { unary: (request) => request } },
      }],
      engine,
    });
    using client = connect({ address: server.address });
    for (const version of ["v1", "v1alpha"]) {
      const request = messageCodec(`grpc.reflection.${version}.ServerReflectionRequest`);
      const response = messageCodec(`grpc.reflection.${version}.ServerReflectionResponse`);
      const stream = client.bidi(
        `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      );
      stream.write(request.encode({ list_services: "" }));
      stream.write(
        request.encode({ file_containing_symbol: "envoy.service.auth.v3.CheckRequest" }),
      );
      stream.write(request.encode({ file_containing_symbol: "no.Such" }));
      stream.end();
      const [list, files, none] = (await collect(stream.messages)).map((m) => response.decode(m));
      assert.deepEqual(list?.["list_services_response"], {
        service: [
          { name: "envoy.service.auth.v3.Authorization" },
          { name: "grpc.health.v1.Health" },
          { name: "grpc.reflection.v1.ServerReflection" },
          { name: "grpc.reflection.v1alpha.ServerReflection" },
        ],
      });
      const protos = (files?.["file_descriptor_response"] as {
        file_descriptor_proto: Uint8Array[];
      }).file_descriptor_proto.map((bytes) => new TextDecoder("latin1").decode(bytes));
      assert.equal(protos.some((bytes) => bytes.includes("AttributeContext")), true);
      assert.equal((none?.["error_response"] as { error_code: number }).error_code, 5);
    }
  });

  Deno.test(`startGrpcServer() with ${pair} frees its port when it stops, with a call running`, async () => {
    const first = await startGrpcServer({ services: [echo()], engine });
    using client = connect({ address: first.address });
    const hanging = assert.rejects(client.unary("/test.Echo/Hang", new Uint8Array(0)), GrpcError);
    await client.unary("/test.Echo/Same", new Uint8Array(0));
    await first.stop();
    await hanging;
    await using second = await startGrpcServer({ services: [echo()], engine, port: first.port });
    assert.equal(second.port, first.port);
    const again = await client.unary("/test.Echo/Same", new Uint8Array([9]));
    assert.deepEqual([...again], [9]);
  });

  Deno.test(`startGrpcServer() with ${pair} lets a running call end within the grace`, async () => {
    const release = Promise.withResolvers<Uint8Array>();
    const arrived = Promise.withResolvers<void>();
    const server = await startGrpcServer({
      engine,
      services: [{
        name: "test.Slow",
        methods: {
          Wait: {
            unary: () => {
              arrived.resolve();
              return release.promise;
            },
          },
        },
      }],
    });
    using client = connect({ address: server.address });
    const call = client.unary("/test.Slow/Wait", new Uint8Array(0));
    await arrived.promise;
    const stopped = server.stop(5000);
    release.resolve(new Uint8Array([4]));
    assert.deepEqual([...(await call)], [4]);
    await stopped;
  });
}

async function failure(client: GrpcClient, method: string): Promise<GrpcError> {
  const error = await client.unary(`/test.Echo/${method}`, new Uint8Array(0)).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof GrpcError);
  return error;
}

Deno.test("a taken port is said to be taken, and by whom", async () => {
  await using first = await startGrpcServer({ services: [] });
  await assert.rejects(
    startGrpcServer({ services: [], port: first.port }),
    (error: Error) =>
      error instanceof UnavailableError && /the port is taken by .*pid/.test(error.message),
  );
});

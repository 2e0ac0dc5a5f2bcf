/** Messages that no Envoy sends, to every gRPC service: each is answered in time, and none is a fault of the handler. */
import assert from "node:assert/strict";
import { startCollector } from "../../collector/mod.ts";
import { connectGrpc, GRPC_STATUS, GrpcError } from "../../grpc/mod.ts";
import { startLimits } from "../../limits/mod.ts";
import { startPolicy } from "../../policy/mod.ts";
import { parseHosts, startRouter } from "../../router/mod.ts";
import { startTap } from "../../tap/mod.ts";
import { startTransform, TRANSFORM_FILE } from "../../transform/mod.ts";

const MIB = 2 ** 20;
const PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const OTLP = "/opentelemetry.proto.collector";

interface Server extends AsyncDisposable {
  readonly address: string;
}

const SERVERS: Readonly<
  Record<string, { start: () => Promise<Server>; methods: readonly string[] }>
> = {
  "the policy stub": {
    start: () => startPolicy({ port: 0 }),
    methods: ["/envoy.service.auth.v3.Authorization/Check", REFLECTION],
  },
  "the limits": {
    start: () => startLimits(),
    methods: ["/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit"],
  },
  "the collector": {
    start: () => startCollector({ port: 0, httpPort: 0 }),
    methods: [
      ...["trace.v1.TraceService", "logs.v1.LogsService"].map((name) => `${OTLP}.${name}/Export`),
      "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs",
    ],
  },
  "the transform processor": {
    start: () =>
      startTransform({
        steps: TRANSFORM_FILE.schema.parse({
          version: 1,
          steps: [{ redact: { detect: ["phone"] } }],
        }),
      }),
    methods: [PROCESS],
  },
  "the router": {
    start: () => startRouter({ port: 0, hosts: parseHosts("127.0.0.1:9"), logic: "round_robin" }),
    methods: [PROCESS],
  },
  "the tap": { start: () => startTap(), methods: [PROCESS] },
};

/** A field with a length (https://protobuf.dev/programming-guides/encoding/), by its tag. */
function field(tag: number, content: Uint8Array): Uint8Array {
  const head = [tag];
  let left = content.length;
  do {
    head.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>>= 7;
  } while (left > 0);
  const bytes = new Uint8Array(head.length + content.length);
  bytes.set(head);
  bytes.set(content, head.length);
  return bytes;
}

function nested(levels: number, ...tags: number[]): Uint8Array {
  let bytes = new Uint8Array();
  for (let level = 0; level < levels; level++) {
    bytes = Uint8Array.from(field(tags[level % tags.length] ?? 0, bytes));
  }
  return bytes;
}

const pairs = (tag: number) => new Uint8Array(2 * MIB).map((_, at) => at % 2 === 0 ? tag : 0);

const MESSAGES: Readonly<Record<string, Uint8Array>> = {
  "nothing": new Uint8Array(),
  "a field within itself": nested(5_000, 0x0a),
  "two fields within each other": nested(5_000, 0x0a, 0x12),
  "a body within itself": nested(5_000, 0x1a),
  "structs within lists": nested(5_000, 0x32, 0x0a),
  "a million empty fields 1": pairs(0x0a),
  "a million empty fields 2": pairs(0x12),
  "groups": new Uint8Array(MIB).fill(0x0b),
  "a number without an end": new Uint8Array(MIB).fill(0xff),
  "a length beyond the end": Uint8Array.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
  "a negative length": Uint8Array.from([0x0a, ...Array(9).fill(0xff), 0x01]),
  "text that is no UTF-8": field(0x0a, Uint8Array.from([0xff, 0xfe, 0xc0])),
};

/** Status of a call with one message. */
async function statusOf(address: string, method: string, message: Uint8Array): Promise<number> {
  using client = connectGrpc({ address });
  const call = client.bidi(method, { deadlineMs: 60_000 });
  call.write(message);
  call.end();
  try {
    await Array.fromAsync(call.messages);
    return GRPC_STATUS.OK;
  } catch (error) {
    return error instanceof GrpcError ? error.code : -1;
  }
}

for (const [name, { start, methods }] of Object.entries(SERVERS)) {
  Deno.test(`${name} answers every message, and says whose fault it is`, async () => {
    await using server = await start();
    for (const method of methods) {
      for (const [what, message] of Object.entries(MESSAGES)) {
        const status = await statusOf(server.address, method, message);
        const isTold = status === GRPC_STATUS.OK || status === GRPC_STATUS.INVALID_ARGUMENT;
        assert.ok(isTold, `${method}: ${what}: ${status}`);
      }
    }
    const health = "/grpc.health.v1.Health/Check";
    assert.equal(await statusOf(server.address, health, new Uint8Array()), GRPC_STATUS.OK);
  });
}

Deno.test("the limits decide on no more descriptors at once than any route has", async () => {
  await using limits = await startLimits();
  const method = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
  const status = await statusOf(limits.address, method, pairs(0x12));
  assert.equal(status, GRPC_STATUS.INVALID_ARGUMENT);
});

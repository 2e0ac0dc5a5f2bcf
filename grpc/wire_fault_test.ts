import assert from "node:assert/strict";
import {
  observeCall,
  type ObservedCall,
  startGrpcServer,
  WIRE_FAULTS,
  type WireFaultName,
} from "./mod.ts";

const MESSAGE = new TextEncoder().encode("a message of thirty-three bytes!!");

async function observe(fault: WireFaultName): Promise<ObservedCall> {
  await using server = await startGrpcServer({
    services: [{
      name: "test.Broken",
      methods: { Answer: { unary: () => ({ fault, message: MESSAGE }) } },
    }],
  });
  const { host, port } = server;
  return await observeCall({ host, port, path: "/test.Broken/Answer", message: MESSAGE });
}

/** `HEADERS` and so on, `/` marking the end of the stream, then how it all ended. */
function shape(call: ObservedCall): string {
  return [...call.frames.map(({ type, endStream }) => type + (endStream ? "/" : "")), call.end]
    .join(" ");
}

function header(call: ObservedCall, name: string): string | undefined {
  return call.frames.flatMap(({ headers }) => headers ?? []).find(([key]) => key === name)?.[1];
}

/** Frames of each fault; a healthy answer is `HEADERS DATA HEADERS/ end_stream`. */
const SHAPES: Record<
  WireFaultName,
  { shape: string; status?: string | undefined; more?: (call: ObservedCall) => void }
> = {
  no_grpc_status: { shape: "HEADERS DATA HEADERS/ end_stream", status: undefined },
  no_trailers: { shape: "HEADERS DATA/ end_stream", status: undefined },
  headers_only: { shape: "HEADERS/ end_stream", status: undefined },
  truncated_message: {
    shape: "HEADERS DATA HEADERS/ end_stream",
    status: "0",
    more: ({ frames }) => {
      // The prefix promises 33 bytes; fewer came.
      assert.equal(frames[1]?.payload[4], MESSAGE.length);
      assert.equal((frames[1]?.payload.length ?? 0) < MESSAGE.length + 5, true);
    },
  },
  truncated_frame: {
    shape: "HEADERS tcp_fin",
    more: ({ rest }) => assert.equal(rest > 9 && rest < 9 + 5 + MESSAGE.length, true),
  },
  rst_stream: { shape: "RST_STREAM rst_stream", more: ({ frames }) => code(frames, 2) },
  refused_stream: { shape: "RST_STREAM rst_stream", more: ({ frames }) => code(frames, 7) },
  rst_after_headers: {
    shape: "HEADERS RST_STREAM rst_stream",
    more: ({ frames }) => code(frames, 2),
  },
  goaway: { shape: "GOAWAY tcp_fin", more: ({ frames }) => code(frames, 0) },
  goaway_error: { shape: "GOAWAY tcp_fin", more: ({ frames }) => code(frames, 11) },
  tcp_fin: { shape: "tcp_fin" },
  tcp_rst: { shape: "tcp_rst" },
  protocol_error: {
    shape: "HEADERS undecodable",
    more: ({ frames }) => assert.equal(frames[0]?.headers, undefined),
  },
  http_503: {
    shape: "HEADERS DATA/ end_stream",
    more: (call) => assert.equal(header(call, ":status"), "503"),
  },
  wrong_content_type: {
    shape: "HEADERS DATA/ end_stream",
    more: (call) => assert.equal(header(call, "content-type"), "text/html"),
  },
};

function code(frames: ObservedCall["frames"], want: number): void {
  assert.equal(frames.at(-1)?.code, want);
}

for (const fault of WIRE_FAULTS) {
  Deno.test(`breakAnswer() puts ${fault} on the wire`, async () => {
    const want = SHAPES[fault];
    const call = await observe(fault);
    assert.equal(shape(call), want.shape);
    assert.equal(header(call, "grpc-status"), want.status);
    want.more?.(call);
  });
}

Deno.test("observeCall() sees a healthy answer as it is", async () => {
  await using server = await startGrpcServer({
    services: [{ name: "test.Echo", methods: { Same: { unary: (request) => request } } }],
  });
  const { host, port } = server;
  const call = await observeCall({ host, port, path: "/test.Echo/Same", message: MESSAGE });
  assert.equal(shape(call), "HEADERS DATA HEADERS/ end_stream");
  assert.equal(header(call, "grpc-status"), "0");
  assert.deepEqual(call.frames[1]?.payload.slice(5), MESSAGE);
});

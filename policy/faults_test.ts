import assert from "node:assert/strict";
import { observeCall, type ObservedCall } from "../grpc/mod.ts";
import { messageCodec } from "../grpc/messages/mod.ts";
import { signNonce } from "../service/mod.ts";
import { loadScripts, type PolicyAnswer, startPolicy } from "./mod.ts";

const { FAULT_NAMES } = await loadScripts();

const SECRET = "of this run";
const REQUEST = messageCodec("envoy.service.auth.v3.CheckRequest");
const RESPONSE = messageCodec("envoy.service.auth.v3.CheckResponse");

/** One Check by a raw client, answered by a script. */
async function observe(answer: PolicyAnswer): Promise<ObservedCall> {
  await using policy = await startPolicy({ scriptSecret: SECRET });
  policy.scripts.set("case-0001", [answer]);
  const headers = { "x-harness-case": signNonce("case-0001", SECRET) };
  return await observeCall({
    host: policy.host,
    port: policy.port,
    path: "/envoy.service.auth.v3.Authorization/Check",
    message: REQUEST.encode({ attributes: { request: { http: { headers } } } }),
  });
}

/** The gRPC message of an answer: its DATA frames without the five bytes before it. */
function messageOf({ frames }: ObservedCall): Uint8Array {
  const bytes = frames.filter(({ type }) => type === "DATA").flatMap(({ payload }) => [...payload]);
  assert.equal(new DataView(new Uint8Array(bytes).buffer).getUint32(1), bytes.length - 5);
  return new Uint8Array(bytes.slice(5));
}

for (const fault of FAULT_NAMES) {
  Deno.test(`a script may name the fault ${fault}, and it reaches the wire`, async () => {
    const call = await observe({ fault });
    assert.ok(call.frames[0] !== undefined || call.end.startsWith("tcp"), call.end);
    if (fault === "tcp_rst") assert.equal(call.end, "tcp_rst");
  });
}

Deno.test.each([{ bytes: 8 }, { bytes: 130 }, { bytes: 131 }, { bytes: 65_535 }, {
  bytes: 1_000_000,
}])(
  "the oversized fault sends a reply of exactly $bytes bytes",
  async ({ bytes }) => {
    const message = messageOf(await observe({ fault: "oversized", bytes }));
    assert.equal(message.length, bytes);
    assert.equal((RESPONSE.decode(message)["status"] as { code?: number }).code ?? 0, 0);
  },
);

Deno.test("the garbage fault is no protobuf, and the empty one is an empty message", async () => {
  const garbage = messageOf(await observe({ fault: "garbage" }));
  assert.throws(() => RESPONSE.decode(garbage), TypeError);
  assert.equal(messageOf(await observe({ fault: "empty" })).length, 0);
});

Deno.test("the faults of headers are in the message as they are named", async () => {
  const option = async (fault: string) => {
    const response = RESPONSE.decode(messageOf(await observe({ fault })));
    return (response["ok_response"] as { headers: Record<string, unknown>[] }).headers[0] ?? {};
  };
  assert.deepEqual((await option("invalid_header_name"))["header"], {
    key: "x-bad\nname",
    value: "1",
  });
  assert.match(JSON.stringify(await option("invalid_header_value")), /1\\r\\nx-smuggled: 1/);
  assert.deepEqual(await option("unset_append_action"), {
    header: { key: "x-tenant", value: "policy" },
  });
});

Deno.test("the error_response fault is an error with a body, not a denial", async () => {
  const response = RESPONSE.decode(messageOf(await observe({ fault: "error_response" })));
  assert.equal(response["denied_response"], undefined);
  assert.match(JSON.stringify(response["error_response"]), /InternalServerError/);
});

Deno.test("a scripted gRPC status comes in one block of headers, without a message", async () => {
  const { frames, end } = await observe({ grpc: { code: 14, message: "planned" } });
  assert.deepEqual([frames.length, frames[0]?.type, frames[0]?.endStream, end], [
    1,
    "HEADERS",
    true,
    "end_stream",
  ]);
  assert.deepEqual(frames[0]?.headers?.slice(2), [["grpc-status", "14"], [
    "grpc-message",
    "planned",
  ]]);
});

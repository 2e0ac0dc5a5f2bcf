/** Answers that are whole gRPC messages and still wrong: what a broken policy engine would say. */
import type { JsonObject } from "../grpc/mod.ts";
import { messageCodec } from "../grpc/messages/mod.ts";

/** Size of a reply when a script does not say: above Envoy's buffers, far below what hurts. */
const OVERSIZED_BYTES = 8 * 1024 * 1024;

/** Makes the bytes of a broken reply; `bytes` is its length where that can be chosen. */
export type FaultAnswer = (bytes?: number) => Uint8Array;

/** The faults that need no broken transport; docs/policy.md describes each. */
export const FAULT_ANSWERS: Readonly<Record<string, FaultAnswer>> = {
  // Field 31 with wire type 7, which does not exist.
  garbage: () => new Uint8Array(32).fill(0xff),
  empty: () => new Uint8Array(0),
  oversized: (bytes = OVERSIZED_BYTES) => padded(bytes),
  invalid_header_name: () => allowing({ headers: [option("x-bad\nname", "1")] }),
  invalid_header_value: () =>
    allowing({ headers: [option("x-split", "1\r\nx-smuggled: 1"), option("x-nul", "a\0b")] }),
  unset_append_action: () =>
    allowing({ headers: [{ header: { key: "x-tenant", value: "policy" } }] }),
  error_response: () =>
    encode({
      status: { code: 13 },
      error_response: {
        status: { code: 500 },
        headers: [option("content-type", "application/json")],
        body: '{"error":{"message":"The policy engine failed","type":"policy_error","param":null,' +
          '"code":"policy_error"}}',
      },
    }),
};

function encode(response: JsonObject): Uint8Array {
  return messageCodec("envoy.service.auth.v3.CheckResponse").encode(response);
}

function allowing(ok: JsonObject): Uint8Array {
  return encode({ status: {}, ok_response: ok });
}

function option(key: string, value: string): JsonObject {
  return { header: { key, value }, append_action: "OVERWRITE_IF_EXISTS_OR_ADD" };
}

/** An allowance of exactly `bytes` bytes: its status message is the padding. */
function padded(bytes: number): Uint8Array {
  let text = bytes;
  let message = encode({ status: { message: "x".repeat(text) } });
  while (message.length > bytes) {
    text -= message.length - bytes;
    message = encode({ status: { message: "x".repeat(text) } });
  }
  if (message.length === bytes) return message;
  // Lengths are varints, so one size below each step of theirs cannot be hit; an unknown field can.
  const exact = new Uint8Array(bytes);
  exact.set(message);
  exact.set([0x78, 0x00].slice(0, bytes - message.length), message.length);
  return exact;
}

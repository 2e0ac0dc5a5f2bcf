/** Length-prefixed messages of gRPC over HTTP/2: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
import type { H2Stream } from "../http2/mod.ts";
import { GRPC_STATUS, GrpcError } from "./status.ts";

/** Bytes before each message: one of flags, four of length. */
export const PREFIX_BYTES = 5;

/** A message with its prefix, uncompressed. */
export function frame(message: Uint8Array): Uint8Array {
  const out = new Uint8Array(PREFIX_BYTES + message.length);
  new DataView(out.buffer).setUint32(1, message.length);
  out.set(message, PREFIX_BYTES);
  return out;
}

/** Prefix of the message that is being sent; its flag stays 0, for uncompressed. */
const sending = new Uint8Array(PREFIX_BYTES);

/** Sends a message with its prefix on a stream, as far as the windows allow. */
export function sendMessage(stream: H2Stream, message: Uint8Array): void {
  const { length } = message;
  sending[1] = length >>> 24;
  sending[2] = length >>> 16;
  sending[3] = length >>> 8;
  sending[4] = length;
  stream.sendPrefixed(sending, message);
}

/** Cuts a byte stream into messages, whatever pieces it arrives in. */
export class Deframer {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #held = 0;

  /** @param maxBytes Longest message taken; a longer one is RESOURCE_EXHAUSTED. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes held that are not yet a whole message. */
  get pending(): number {
    return this.#held;
  }

  /** Takes the next bytes and returns the messages that are now whole. Throws `GrpcError` for compression and for a message too long. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    const messages: Uint8Array[] = [];
    while (this.#held >= PREFIX_BYTES) {
      const length = this.#length(this.#first(PREFIX_BYTES));
      const whole = PREFIX_BYTES + length;
      if (this.#held < whole) break;
      const first = this.#first(whole);
      messages.push(first.subarray(PREFIX_BYTES, whole));
      this.#held -= whole;
      this.#chunks = this.#held === 0 ? [] : [first.subarray(whole), ...this.#chunks.slice(1)];
    }
    return messages;
  }

  /** The first chunk, made at least `bytes` long by joining: once per message, so long ones stay linear. */
  #first(bytes: number): Uint8Array {
    const [head] = this.#chunks;
    if (head !== undefined && head.length >= bytes) return head;
    const joined = new Uint8Array(this.#held);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [joined];
    return joined;
  }

  #length(head: Uint8Array): number {
    if (head[0] !== 0) {
      throw new GrpcError(GRPC_STATUS.UNIMPLEMENTED, "compressed messages are not supported");
    }
    const length = new DataView(head.buffer, head.byteOffset, PREFIX_BYTES).getUint32(1);
    if (length > this.#maxBytes) {
      throw new GrpcError(
        GRPC_STATUS.RESOURCE_EXHAUSTED,
        `message of ${length} bytes is longer than ${this.#maxBytes}`,
      );
    }
    return length;
  }
}

/** `grpc-message` as the protocol wants it: percent-encoded but for printable ASCII. */
export function encodeGrpcMessage(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]/gu, (c) => encodeURIComponent(c));
}

/** The text of a `grpc-message`; as it stands when its percent-encoding is wrong, which the protocol asks for. */
export function decodeGrpcMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Units of `grpc-timeout` in milliseconds. */
const TIMEOUT_UNITS: Record<string, number> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000001,
};

/** Milliseconds of a `grpc-timeout` header; undefined when absent or malformed. */
export function parseGrpcTimeout(value: string | undefined): number | undefined {
  const match = value === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(value);
  if (match === null) return undefined;
  return Number(match[1]) * (TIMEOUT_UNITS[match[2] ?? ""] ?? 1);
}

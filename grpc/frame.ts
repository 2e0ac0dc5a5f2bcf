/** Length-prefixed messages of gRPC over HTTP/2: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
import { type H2Stream, uint32 } from "../http2/mod.ts";
import { GrowingBytes } from "../service/mod.ts";
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

/** Decompresses a message; throws `GrpcError`. */
export type Decompress = (message: Uint8Array) => Uint8Array;

/** Refuses, as the protocol asks for where no encoding was named. */
export const refuseCompressed: Decompress = () => {
  throw new GrpcError(GRPC_STATUS.INTERNAL, "a compressed message without grpc-encoding");
};

/** Cuts a byte stream into messages, whatever pieces it arrives in. */
export class Deframer {
  readonly #maxBytes: number;
  readonly #decompress: Decompress;
  /** Made when a message comes in pieces, which few do. */
  #rest: GrowingBytes | undefined;
  /** Bytes of the message in there, as far as they are known. */
  #wanted = PREFIX_BYTES;

  /** @param maxBytes Longest message taken; a longer one is RESOURCE_EXHAUSTED. */
  constructor(maxBytes: number, decompress: Decompress = refuseCompressed) {
    this.#maxBytes = maxBytes;
    this.#decompress = decompress;
  }

  /** Bytes held that are not yet a whole message. */
  get pending(): number {
    return this.#rest?.length ?? 0;
  }

  /** Reads the next bytes and returns the messages that are now whole. Throws `GrpcError` for a message too long, or compressed in a way that is not known. */
  push(chunk: Uint8Array): Uint8Array[] {
    let bytes = chunk;
    const rest = this.#rest;
    if (rest !== undefined && rest.length > 0) {
      rest.push(chunk);
      if (rest.length < this.#wanted) return [];
      bytes = rest.take();
    }
    const messages: Uint8Array[] = [];
    let at = 0;
    this.#wanted = PREFIX_BYTES;
    while (bytes.length - at >= PREFIX_BYTES) {
      const size = PREFIX_BYTES + this.#length(bytes, at);
      if (at + size > bytes.length) {
        this.#wanted = size;
        break;
      }
      const message = bytes.subarray(at + PREFIX_BYTES, at + size);
      messages.push(bytes[at] === 0 ? message : this.#decompress(message));
      at += size;
    }
    if (at < bytes.length) (this.#rest ??= new GrowingBytes()).push(bytes.subarray(at));
    return messages;
  }

  #length(bytes: Uint8Array, at: number): number {
    if ((bytes[at] ?? 0) > 1) {
      throw new GrpcError(
        GRPC_STATUS.INTERNAL,
        "a message whose compressed-flag is neither 0 nor 1",
      );
    }
    const length = uint32(bytes, at + 1);
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

/** Longest timer there is, ms: 25 days. A later deadline is none. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds of a `grpc-timeout` header; undefined when absent, malformed, or too far away for a timer. */
export function parseGrpcTimeout(value: string | undefined): number | undefined {
  const match = value === undefined ? null : /^(\d{1,8})([HMSmun])$/.exec(value);
  if (match === null) return undefined;
  const ms = Number(match[1]) * (TIMEOUT_UNITS[match[2] ?? ""] ?? 1);
  return ms > MAX_TIMER_MS ? undefined : ms;
}

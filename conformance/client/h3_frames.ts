/** Frames of HTTP/3. */
import { Buffer } from "node:buffer";

/** Frame types (RFC 9114 section 7.2). */
export const H3_FRAME = {
  data: 0x0,
  headers: 0x1,
  cancelPush: 0x3,
  settings: 0x4,
  pushPromise: 0x5,
  goaway: 0x7,
  maxPushId: 0xd,
} as const;

/** Frame types of HTTP/2 that HTTP/3 forbids (RFC 9114 section 7.2.8). */
const FORBIDDEN = new Set([0x2, 0x6, 0x8, 0x9]);

/** Largest frame, bodies aside, that is taken: far beyond any response head. */
const MAX_FRAME = 1 << 20;

/** Thrown when a stream does not hold well-formed frames. */
export class H3FrameError extends Error {
  override readonly name = "H3FrameError";
}

/** Writes a variable-length integer (RFC 9000 section 16) in its shortest form. */
export function varint(value: number): Uint8Array {
  const out = Buffer.alloc(value < 64 ? 1 : value < 16_384 ? 2 : value < 2 ** 30 ? 4 : 8);
  if (out.length === 8) out.writeBigUInt64BE(BigInt(value) | 0xc000000000000000n);
  else out.writeUIntBE(value + (out.length >> 1) * 2 ** (8 * out.length - 2), 0, out.length);
  return out;
}

/** Reads a variable-length integer at an offset; `undefined` while it is not whole. */
export function readVarint(
  bytes: Uint8Array,
  at = 0,
): { value: number; length: number } | undefined {
  const first = bytes[at];
  if (first === undefined) return undefined;
  const length = 1 << (first >> 6);
  if (bytes.length < at + length) return undefined;
  let value = first & 0x3f;
  for (let i = 1; i < length; i++) value = value * 256 + (bytes[at + i] ?? 0);
  return { value, length };
}

/** Returns one frame as its bytes. */
export function frame(type: number, payload: Uint8Array): Uint8Array {
  return Buffer.concat([varint(type), varint(payload.length), payload]);
}

/** Callbacks for a stream of frames: the pieces of bodies as they come, other frames when they are whole. */
export interface FrameSink {
  data(bytes: Uint8Array): void;
  frame(type: number, payload: Uint8Array): void;
}

/** Reads the frames of one stream out of bytes that come in any pieces. Unknown types are passed over. */
export class FrameReader {
  readonly #sink: FrameSink;
  #buffer: Uint8Array = new Uint8Array(0);
  #body = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** @throws {H3FrameError} when the bytes are no frames of HTTP/3 */
  push(bytes: Uint8Array): void {
    let rest: Uint8Array = this.#buffer.length > 0 ? Buffer.concat([this.#buffer, bytes]) : bytes;
    while (rest.length > 0) {
      if (this.#body > 0) {
        const part = rest.subarray(0, this.#body);
        this.#body -= part.length;
        rest = rest.subarray(part.length);
        this.#sink.data(part);
        continue;
      }
      const head = headOf(rest);
      if (head === undefined) break;
      const { type, length, size } = head;
      if (FORBIDDEN.has(type)) throw new H3FrameError(`a frame of HTTP/2, type ${type}`);
      if (type === H3_FRAME.data) {
        this.#body = length;
        rest = rest.subarray(size);
        continue;
      }
      if (length > MAX_FRAME) throw new H3FrameError(`a frame of ${length} bytes, type ${type}`);
      if (rest.length < size + length) break;
      this.#sink.frame(type, rest.subarray(size, size + length));
      rest = rest.subarray(size + length);
    }
    this.#buffer = Uint8Array.from(rest);
  }

  /** @throws {H3FrameError} when the stream ends inside a frame (RFC 9114 section 7.1) */
  finish(): void {
    if (this.#body > 0 || this.#buffer.length > 0) throw new H3FrameError("an end inside a frame");
  }
}

function headOf(
  bytes: Uint8Array,
): { type: number; length: number; size: number } | undefined {
  const type = readVarint(bytes);
  const length = type && readVarint(bytes, type.length);
  if (!type || !length) return undefined;
  return { type: type.value, length: length.value, size: type.length + length.length };
}

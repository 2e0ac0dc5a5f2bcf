/** HTTP/2 frames: https://www.rfc-editor.org/rfc/rfc9113 section 4.1 and 6 */
import { GrowingBytes } from "../service/mod.ts";

/** First bytes of a client (section 3.4). */
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** Bytes before each frame's payload. */
export const FRAME_HEAD_BYTES = 9;

/** Frame types (section 6). */
export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** Flags; ACK and END_STREAM share a bit on frames of different types. */
export const FLAG = { ACK: 1, END_STREAM: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const;

/** Settings (section 6.5.2). */
export const SETTING = {
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

/** Error codes (section 7). */
export const H2_ERROR = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  ENHANCE_YOUR_CALM: 11,
} as const;

/** Section 4.2: the longest payload that nobody need announce; this side announces no other. */
export const MAX_FRAME_BYTES = 16_384;

/** Section 6.9.2: the window of every stream and connection until somebody says otherwise. */
export const DEFAULT_WINDOW = 65_535;

/** Section 6.9.1: the largest window there is. */
export const MAX_WINDOW = 2 ** 31 - 1;

/** Receive window per stream, bytes: a CheckRequest with a body of Envoy's default buffer fits at once. */
export const STREAM_WINDOW = 1024 * 1024;

/** A frame's first nine bytes, read. */
export interface FrameHead {
  readonly length: number;
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
}

/** Frames to send, gathered so that one write carries all that one read caused. */
export class FrameWriter {
  #bytes = new Uint8Array(16 * 1024);
  #length = 0;

  /** Bytes gathered. */
  get length(): number {
    return this.#length;
  }

  /** A frame. */
  frame(head: Omit<FrameHead, "length">, payload: Uint8Array): void {
    this.#head({ ...head, length: payload.length });
    this.raw(payload);
  }

  /** A frame whose payload stands in `payload` from `start` to `end`. */
  part(
    head: Omit<FrameHead, "length">,
    { payload, start, end }: { payload: Uint8Array; start: number; end: number },
  ): void {
    this.#head({ ...head, length: end - start });
    this.raw(start === 0 && end === payload.length ? payload : payload.subarray(start, end));
  }

  /** Writes one DATA frame, without flags, whose payload is `prefix` and then `data`. */
  prefixed(stream: number, prefix: Uint8Array, data: Uint8Array): void {
    this.#head({ length: prefix.length + data.length, type: FRAME.DATA, flags: 0, stream });
    this.raw(prefix);
    this.raw(data);
  }

  /** A frame with one 32-bit number: RST_STREAM, WINDOW_UPDATE. */
  number(head: Omit<FrameHead, "length">, value: number): void {
    this.#head({ ...head, length: 4 });
    this.#reserve(4);
    this.#uint32(value);
  }

  /** A header block: in one HEADERS frame, or with CONTINUATION frames when the peer takes no frame as long. */
  headers(
    stream: number,
    block: Uint8Array,
    { last, maxFrame }: { last: boolean; maxFrame: number },
  ): void {
    const ends = last ? FLAG.END_STREAM : 0;
    let type: number = FRAME.HEADERS;
    let start = 0;
    do {
      const end = Math.min(start + maxFrame, block.length);
      const flags = (end === block.length ? FLAG.END_HEADERS : 0) |
        (type === FRAME.HEADERS ? ends : 0);
      this.part({ type, flags, stream }, { payload: block, start, end });
      type = FRAME.CONTINUATION;
      start = end;
    } while (start < block.length);
  }

  /** Bytes as they are: a frame made before, or what is none. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Everything gathered, in memory of its own; the writer is empty again. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    // A burst of long answers must not keep its memory for the connection's life.
    if (this.#bytes.length > 1024 * 1024) this.#bytes = new Uint8Array(16 * 1024);
    return taken;
  }

  #head({ length, type, flags, stream }: FrameHead): void {
    this.#reserve(FRAME_HEAD_BYTES);
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = length >> 16;
    bytes[at++] = length >> 8;
    bytes[at++] = length;
    bytes[at++] = type;
    bytes[at++] = flags;
    this.#length = at;
    this.#uint32(stream);
  }

  #uint32(value: number): void {
    const bytes = this.#bytes;
    let at = this.#length;
    bytes[at++] = value >>> 24;
    bytes[at++] = value >>> 16;
    bytes[at++] = value >>> 8;
    bytes[at++] = value;
    this.#length = at;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Cuts a byte stream into frames without copying, but for one that is spread over reads. */
export class FrameReader {
  readonly #rest = new GrowingBytes();
  /** Bytes of the frame in there, as far as they are known. */
  #wanted = FRAME_HEAD_BYTES;

  /** Bytes held that are not yet a whole frame. */
  get pending(): number {
    return this.#rest.length;
  }

  /**
   * Reads the next bytes and calls `on` for each whole frame. The payload is only valid during the
   * call. Stops and returns false when `on` does, or when a frame is longer than allowed.
   */
  push(chunk: Uint8Array, on: (head: FrameHead, payload: Uint8Array) => boolean): boolean {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      this.#rest.push(chunk);
      if (this.#rest.length < this.#wanted) return true;
      bytes = this.#rest.take();
    }
    let at = 0;
    this.#wanted = FRAME_HEAD_BYTES;
    while (bytes.length - at >= FRAME_HEAD_BYTES) {
      const head = readHead(bytes, at);
      if (head.length > MAX_FRAME_BYTES) return false;
      const size = FRAME_HEAD_BYTES + head.length;
      if (at + size > bytes.length) {
        this.#wanted = size;
        break;
      }
      if (!on(head, bytes.subarray(at + FRAME_HEAD_BYTES, at + size))) return false;
      at += size;
    }
    if (at < bytes.length) this.#rest.push(bytes.subarray(at));
    return true;
  }
}

/** Reads the nine bytes at `at`. */
export function readHead(bytes: Uint8Array, at: number): FrameHead {
  return {
    length: ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0),
    type: bytes[at + 3] ?? 0,
    flags: bytes[at + 4] ?? 0,
    stream: uint32(bytes, at + 5) & MAX_WINDOW,
  };
}

/** A 32-bit number in network order. */
export function uint32(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)) >>> 0;
}

/** Length of the priority fields of a HEADERS frame. */
const PRIORITY_BYTES = 5;

/** A payload without padding and, in HEADERS, without priority; undefined when malformed. */
export function unpadded(head: FrameHead, payload: Uint8Array): Uint8Array | undefined {
  const padded = (head.flags & FLAG.PADDED) !== 0;
  const priority = head.type === FRAME.HEADERS && (head.flags & FLAG.PRIORITY) !== 0;
  if (!padded && !priority) return payload;
  const start = (padded ? 1 : 0) + (priority ? PRIORITY_BYTES : 0);
  const end = payload.length - (padded ? payload[0] ?? 0 : 0);
  return end < start ? undefined : payload.subarray(start, end);
}

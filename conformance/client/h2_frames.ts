/** Frames of HTTP/2 by number, and their parts (RFC 9113). */
import { Buffer } from "node:buffer";

/** Frame types (RFC 9113 section 6). */
export const FRAME = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of frames, each of which has its meaning by type (RFC 9113 section 6). */
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

/** Error codes by number (RFC 9113 section 7). */
const ERROR_NAMES: readonly string[] = (
  "NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED " +
  "FRAME_SIZE_ERROR REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM " +
  "INADEQUATE_SECURITY HTTP_1_1_REQUIRED"
).split(" ");

/** Returns the payload of a frame without its padding (RFC 9113 section 6.1). */
export function unpad(payload: Buffer, flags: number): Buffer {
  if (!(flags & FLAG.padded)) return payload;
  return payload.subarray(1, payload.length - (payload[0] ?? 0));
}

/** Returns the name of an error code, or its number where it has none. */
export function codeAt(payload: Buffer, offset: number): string {
  const code = payload.readUInt32BE(offset);
  return ERROR_NAMES[code] ?? String(code);
}

/** Returns a number as four bytes, the first of which weighs most. */
export function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

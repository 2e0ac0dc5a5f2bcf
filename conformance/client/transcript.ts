/** The transcript of an exchange: every event that the client saw, with its time. */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers";
import type { SseEvent } from "../../openai/mod.ts";
import type { HeaderList, Protocol } from "../target.ts";

/** A response head, informational ones (1xx) included. */
export interface Head {
  status: number;
  /** HTTP/1.1 only. */
  reason: string;
  headers: HeaderList;
  at: number;
}

/** Body bytes as they came out of the socket in one read. */
export interface Chunk {
  at: number;
  bytes: Uint8Array;
}

/** How the body's length was told (RFC 9112 section 6.3; "data" is HTTP/2 and HTTP/3). */
export type Framing = "chunked" | "length" | "close" | "none" | "data";

/**
 * How a response ended.
 *
 * - `complete`: as its framing says (last chunk, declared length, END_STREAM, or a close that
 *   delimits the body)
 * - `fin`: the peer closed before that; `rst`: the TCP connection was reset
 * - `stream-reset`: RST_STREAM, or RESET_STREAM of QUIC; `goaway`: the connection was ended by GOAWAY,
 *   or by CONNECTION_CLOSE of QUIC
 * - `malformed`: the bytes break the protocol; `aborted`: we ended it
 */
export interface End {
  kind: "complete" | "fin" | "rst" | "stream-reset" | "goaway" | "malformed" | "aborted";
  at: number;
  detail?: string;
}

/** One server-sent event as the client saw it. */
export type ReceivedEvent = SseEvent & { at: number };

/** Everything that the client sent and saw of one request. Times: `now()`, milliseconds. */
export interface Transcript {
  protocol: Protocol;
  method: string;
  path: string;
  requestHeaders: HeaderList;
  startedAt: number;
  informational: Head[];
  head?: Head;
  framing?: Framing;
  chunks: Chunk[];
  bodyBytes: number;
  events: ReceivedEvent[];
  /** Comment lines of the event stream, seen as soon as the line ended. */
  comments: { at: number; text: string }[];
  trailers: HeaderList;
  end?: End;
}

/** Returns every value of a header, in order; names compare without case. */
export function valuesOf(headers: HeaderList, name: string): string[] {
  const wanted = name.toLowerCase();
  return headers.filter(([key]) => key.toLowerCase() === wanted).map(([, value]) => value);
}

/** Returns the first value of a header. */
export function valueOf(headers: HeaderList, name: string): string | undefined {
  return valuesOf(headers, name)[0];
}

/** Returns the body received so far as one array. */
export function bodyOf(transcript: Transcript): Uint8Array {
  const body = new Uint8Array(transcript.bodyBytes);
  let offset = 0;
  for (const { bytes } of transcript.chunks) {
    body.set(bytes, offset);
    offset += bytes.length;
  }
  return body;
}

/** Returns the body as text; invalid UTF-8 becomes U+FFFD. */
export function textOf(transcript: Transcript): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bodyOf(transcript));
}

/** Returns the body parsed as JSON, or `undefined` when it is not JSON. */
// deno-lint-ignore no-explicit-any -- the shape is what the case checks
export function jsonOf(transcript: Transcript): any {
  try {
    return JSON.parse(textOf(transcript));
  } catch {
    return undefined;
  }
}

/** Returns the SHA-256 of the body received so far, in hex. */
export function bodyHash(transcript: Transcript): string {
  const hash = createHash("sha256");
  for (const { bytes } of transcript.chunks) hash.update(bytes);
  return hash.digest("hex");
}

/** Bytes that are hashed before others have their turn: about a millisecond's work. */
const TURN_BYTES = 1 << 20;

/**
 * Returns the SHA-256 of parts that are joined, in hex. For many megabytes: hashed at once, they
 * would hold back every answer of our own policy engine, beyond what a gateway waits for.
 */
export async function sha256InTurns(parts: Iterable<Uint8Array | string>): Promise<string> {
  const hash = createHash("sha256");
  let since = 0;
  for (const part of parts) {
    hash.update(part);
    since += part.length;
    if (since < TURN_BYTES) continue;
    since = 0;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return hash.digest("hex");
}

/** Returns the SHA-256 of bytes or of UTF-8 text, in hex. */
export function sha256(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Returns the id that the gateway gave the request, from the response. */
export function requestIdOf(transcript: Transcript): string | undefined {
  return transcript.head && valueOf(transcript.head.headers, "x-request-id");
}

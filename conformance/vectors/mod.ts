/**
 * Byte-exact event streams and what a reader must make of them: data that others can use too.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import data from "./sse.json" with { type: "json" };

/** One stream: the writes that make it, and the events that it holds. */
export interface SseVector {
  name: string;
  /** Text as UTF-8, or bytes in base64; one write each. */
  chunks: (string | { base64: string })[];
  /** `event` defaults to "message", `id` to the empty string. */
  events: { data: string; event?: string; id?: string }[];
  comments?: string[];
}

/** All vectors. */
export const SSE_VECTORS: readonly SseVector[] = data.vectors as SseVector[];

/** Returns the bytes of each write of a vector. */
export function writesOf(vector: SseVector): Uint8Array[] {
  return vector.chunks.map((chunk) =>
    typeof chunk === "string"
      ? new TextEncoder().encode(chunk)
      : Uint8Array.from(Buffer.from(chunk.base64, "base64"))
  );
}

/**
 * Returns the vectors with these names.
 *
 * @throws {RangeError} when one is unknown
 */
export function vectorsNamed(...names: string[]): SseVector[] {
  return names.map((name) => {
    const vector = SSE_VECTORS.find((one) => one.name === name);
    if (!vector) throw new RangeError(`Cannot find the vector "${name}": see vectors/sse.json`);
    return vector;
  });
}

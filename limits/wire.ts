/**
 * Between the bytes of envoy.service.ratelimit.v3 and plain values: by hand, field by field, since every request
 * passes here twice. grpc/messages/protos/ratelimit.proto has the numbers.
 */
import { WireReader, WireWriter } from "../grpc/mod.ts";
import type { Descriptor } from "./descriptor.ts";
import { type Unit, UNITS } from "./window.ts";

/** One question or charge of Envoy: `RateLimitRequest`. */
export interface Asked {
  readonly descriptors: readonly Descriptor[];
  /** Hits that a descriptor adds when it says nothing of its own; 0 is 1. */
  readonly hitsAddend: number;
}

/** State of one descriptor: `DescriptorStatus`. */
export interface DescriptorStatus {
  readonly refused: boolean;
  /** The budget that it is about; undefined where no limit names the descriptor. */
  readonly limit?: {
    readonly max: number;
    readonly unit: Unit;
    readonly name: string;
    readonly remaining: number;
    /** Whole seconds. */
    readonly resetS: number;
  };
}

/** Answer to Envoy: `RateLimitResponse`. */
export interface Answer {
  readonly refused: boolean;
  readonly statuses: readonly DescriptorStatus[];
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Body of the refusal. */
  readonly body?: Uint8Array;
}

/** `RateLimitResponse.Code`. */
const OK = 1;
const OVER_LIMIT = 2;
/** The largest number that a status can carry (uint32). */
const MAX_COUNT = 2 ** 32 - 1;

/** Descriptors of one request: a route has some, and each has counters of its own. */
const MAX_DESCRIPTORS = 1_000;

const decoder = new TextDecoder();

/**
 * Reads a `RateLimitRequest`.
 *
 * @throws {TypeError} for bytes that are no such message, or one of more than {@linkcode MAX_DESCRIPTORS}
 */
export function decodeAsked(bytes: Uint8Array): Asked {
  const reader = new WireReader(bytes);
  const descriptors: Descriptor[] = [];
  let hitsAddend = 0;
  while (reader.next()) {
    if (reader.field === 2) {
      if (descriptors.length === MAX_DESCRIPTORS) {
        throw new TypeError(`Cannot decide on more than ${MAX_DESCRIPTORS} descriptors at once`);
      }
      descriptors.push(descriptorOf(within(reader)));
    } else if (reader.field === 3) hitsAddend = reader.value;
  }
  return { descriptors, hitsAddend };
}

function descriptorOf(reader: WireReader): Descriptor {
  const entries: [string, string][] = [];
  let hitsAddend: number | undefined;
  while (reader.next()) {
    if (reader.field === 1) entries.push(entryOf(within(reader)));
    else if (reader.field === 3) hitsAddend = numberIn(within(reader));
  }
  return { entries, hitsAddend };
}

function entryOf(reader: WireReader): [string, string] {
  let key = "";
  let value = "";
  while (reader.next()) {
    if (reader.field === 1) key = textOf(reader);
    else if (reader.field === 2) value = textOf(reader);
  }
  return [key, value];
}

/** `UInt64Value`: present with nothing in it, it is 0. */
function numberIn(reader: WireReader): number {
  let value = 0;
  while (reader.next()) if (reader.field === 1) ({ value } = reader);
  return value;
}

function within({ bytes, start, end }: WireReader): WireReader {
  return new WireReader(bytes, start, end);
}

/** Short ASCII, which nearly all of this is, is quicker read byte by byte. */
function textOf({ bytes, start, end }: WireReader): string {
  if (end - start > 24) return decoder.decode(bytes.subarray(start, end));
  let text = "";
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte > 0x7f) return decoder.decode(bytes.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Writes a `RateLimitResponse`. */
export function encodeAnswer({ refused, statuses, headers, body }: Answer): Uint8Array {
  const writer = new WireWriter();
  writer.uint(1, refused ? OVER_LIMIT : OK);
  for (const status of statuses) writer.message(2, (inner) => writeStatus(inner, status));
  for (const [name, value] of headers) {
    writer.message(3, (header) => {
      header.string(1, name);
      header.string(2, value);
    });
  }
  if (body !== undefined) writer.bytes(5, body);
  return writer.finish();
}

function writeStatus(writer: WireWriter, { refused, limit }: DescriptorStatus): void {
  writer.uint(1, refused ? OVER_LIMIT : OK);
  if (limit === undefined) return;
  const { max, unit, name, remaining, resetS } = limit;
  writer.message(2, (inner) => {
    inner.uint(1, Math.min(MAX_COUNT, max));
    inner.uint(2, UNITS.indexOf(unit) + 1);
    inner.string(3, name);
  });
  if (remaining > 0) writer.uint(3, Math.min(MAX_COUNT, remaining));
  writer.message(4, (inner) => {
    if (resetS > 0) inner.uint(1, resetS);
  });
}

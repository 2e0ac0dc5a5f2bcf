/** Between the bytes of envoy.service.discovery.v3 and plain values; resources stay bytes. */
import { WireReader, WireWriter } from "../grpc/mod.ts";

/** Envoy as it introduces itself: `Node`. */
export interface Node {
  readonly id: string;
  readonly cluster: string;
  /** `1.40.0`; empty when it does not say. */
  readonly version: string;
}

/** Parts that requests of both variants have. */
interface AnyAsked {
  /** Only the first request of a stream need have it. */
  readonly node?: Node;
  readonly typeUrl: string;
  /** Nonce of the response that this answers; empty when it answers none. */
  readonly nonce: string;
  /** Reason why that response was refused; undefined when it was not. */
  readonly refusal?: string;
}

/** Request of the state-of-the-world variant: `DiscoveryRequest`. */
export interface Asked extends AnyAsked {
  /** Every name that the client wants now. */
  readonly names: readonly string[];
}

/** Request of the incremental variant: `DeltaDiscoveryRequest`. */
export interface DeltaAsked extends AnyAsked {
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** Versions that the client has from a stream before this one, by name. */
  readonly known: ReadonlyMap<string, string>;
}

/** One resource as it is sent. */
export interface Held {
  readonly name: string;
  /** Equal versions have equal bytes. */
  readonly version: string;
  /** The message, without its `Any`. */
  readonly bytes: Uint8Array;
}

/** Response of either variant. */
export interface Answer {
  readonly typeUrl: string;
  readonly version: string;
  readonly nonce: string;
  readonly resources: readonly Held[];
  /** Names that are no more; the state-of-the-world variant cannot say them. */
  readonly removed: readonly string[];
}

const decoder = new TextDecoder();

/**
 * Reads a `DiscoveryRequest`.
 *
 * @throws {TypeError} for bytes that are no such message
 */
export function decodeAsked(bytes: Uint8Array): Asked {
  const reader = new WireReader(bytes);
  const asked = { typeUrl: "", nonce: "", names: [] as string[] };
  let more: Pick<AnyAsked, "node" | "refusal"> = {};
  while (reader.next()) {
    if (reader.field === 2) more = { ...more, node: nodeOf(within(reader)) };
    else if (reader.field === 3) asked.names.push(textOf(reader));
    else if (reader.field === 4) asked.typeUrl = textOf(reader);
    else if (reader.field === 5) asked.nonce = textOf(reader);
    else if (reader.field === 6) more = { ...more, refusal: messageIn(within(reader)) };
  }
  return { ...asked, ...more };
}

/**
 * Reads a `DeltaDiscoveryRequest`.
 *
 * @throws {TypeError} for bytes that are no such message
 */
export function decodeDeltaAsked(bytes: Uint8Array): DeltaAsked {
  const reader = new WireReader(bytes);
  const asked = {
    typeUrl: "",
    nonce: "",
    subscribe: [] as string[],
    unsubscribe: [] as string[],
    known: new Map<string, string>(),
  };
  let more: Pick<AnyAsked, "node" | "refusal"> = {};
  while (reader.next()) {
    if (reader.field === 1) more = { ...more, node: nodeOf(within(reader)) };
    else if (reader.field === 2) asked.typeUrl = textOf(reader);
    else if (reader.field === 3) asked.subscribe.push(textOf(reader));
    else if (reader.field === 4) asked.unsubscribe.push(textOf(reader));
    else if (reader.field === 5) asked.known.set(...entryOf(within(reader)));
    else if (reader.field === 6) asked.nonce = textOf(reader);
    else if (reader.field === 7) more = { ...more, refusal: messageIn(within(reader)) };
  }
  return { ...asked, ...more };
}

/** Writes a `DiscoveryResponse`. */
export function encodeAnswer({ typeUrl, version, nonce, resources }: Answer): Uint8Array {
  const writer = new WireWriter();
  writer.string(1, version);
  for (const { bytes } of resources) writer.message(2, (any) => writeAny(any, typeUrl, bytes));
  writer.string(4, typeUrl);
  writer.string(5, nonce);
  return writer.finish();
}

/** Writes a `DeltaDiscoveryResponse`. */
export function encodeDeltaAnswer(answer: Answer): Uint8Array {
  const { typeUrl, version, nonce, resources, removed } = answer;
  const writer = new WireWriter();
  writer.string(1, version);
  for (const held of resources) {
    writer.message(2, (resource) => {
      resource.string(1, held.version);
      resource.message(2, (any) => writeAny(any, typeUrl, held.bytes));
      resource.string(3, held.name);
    });
  }
  writer.string(4, typeUrl);
  writer.string(5, nonce);
  for (const name of removed) writer.string(6, name);
  return writer.finish();
}

function writeAny(any: WireWriter, typeUrl: string, bytes: Uint8Array): void {
  any.string(1, typeUrl);
  any.bytes(2, bytes);
}

function nodeOf(reader: WireReader): Node {
  const node = { id: "", cluster: "", version: "" };
  while (reader.next()) {
    if (reader.field === 1) node.id = textOf(reader);
    else if (reader.field === 2) node.cluster = textOf(reader);
    else if (reader.field === 7) node.version = textOf(reader);
    else if (reader.field === 8) node.version = buildIn(within(reader));
  }
  return node;
}

/** `BuildVersion`, whose first field is a `SemanticVersion`. */
function buildIn(reader: WireReader): string {
  const numbers = [0, 0, 0];
  while (reader.next()) {
    if (reader.field !== 1) continue;
    const version = within(reader);
    while (version.next()) numbers[version.field - 1] = version.value;
  }
  return numbers.slice(0, 3).join(".");
}

/** The message of a `google.rpc.Status`; a client that refuses need not say why. */
function messageIn(reader: WireReader): string {
  let message = "";
  while (reader.next()) if (reader.field === 2) message = textOf(reader);
  return message === "" ? "no reason given" : message;
}

function entryOf(reader: WireReader): [string, string] {
  const entry: [string, string] = ["", ""];
  while (reader.next()) {
    if (reader.field === 1) entry[0] = textOf(reader);
    else if (reader.field === 2) entry[1] = textOf(reader);
  }
  return entry;
}

function within(reader: WireReader): WireReader {
  return new WireReader(reader.bytes, reader.start, reader.end);
}

function textOf({ bytes, start, end }: WireReader): string {
  return decoder.decode(bytes.subarray(start, end));
}

/**
 * A CheckRequest, decoded by hand: one text conversion for the whole message, slices of it for the fields, and metadata
 * only when a rule asks. About as fast as protobuf-es' decoder (5.4 us against 4.5 for 407 bytes; encoding the answer by
 * hand takes 2.1 against 3.8), and tested against it with random messages.
 */
import { Buffer } from "node:buffer";
import { LEN, readStruct, VARINT, WireReader as Reader } from "../grpc/mod.ts";

/** One end of the connection that the request came on. */
export interface CheckPeer {
  /** IP address, or a pipe's path; empty when Envoy sent none. */
  readonly address: string;
  readonly port: number;
  readonly principal: string;
}

/** A request as Envoy describes it, in the words of `AttributeContext`. Absent text is empty. */
export interface CheckRequest {
  readonly id: string;
  readonly method: string;
  /** Path with the query. */
  readonly path: string;
  readonly host: string;
  readonly scheme: string;
  readonly protocol: string;
  /** Length of the body in bytes; -1 when not known. */
  readonly size: number;
  /** Lower-case names; values of a repeated name joined with a comma. Has no prototype. */
  readonly headers: Readonly<Record<string, string>>;
  /** Every header line in order, when Envoy was told `encode_raw_headers`. */
  readonly headerList: readonly (readonly [string, string])[] | undefined;
  /** The body that Envoy sent along; undefined without `with_request_body`. */
  readonly body: Uint8Array | undefined;
  readonly source: CheckPeer;
  readonly destination: CheckPeer;
  readonly contextExtensions: Readonly<Record<string, string>>;
  readonly sni: string;
  /** Dynamic metadata by filter name; decoded on first use. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

const NOBODY: CheckPeer = { address: "", port: 0, principal: "" };

/** Decodes the fields that rules and journals use. Throws `TypeError` for bytes that are no CheckRequest. */
export function decodeCheckRequest(bytes: Uint8Array): CheckRequest {
  const request = new Decoded(bytes);
  const reader = new Reader(bytes);
  while (reader.next()) {
    if (reader.field === 1) request.readAttributes(within(reader));
  }
  return request;
}

function within(reader: Reader): Reader {
  if (reader.type !== LEN) {
    throw new TypeError(`Cannot decode field ${reader.field}: wire type ${reader.type}`);
  }
  return new Reader(reader.bytes, reader.start, reader.end);
}

/** Reads `filter_metadata` of `envoy.config.core.v3.Metadata`: a Struct for each filter's name. */
function readMetadata(bytes: Uint8Array): Record<string, unknown> {
  const filters: Record<string, unknown> = {};
  const reader = new Reader(bytes);
  while (reader.next()) {
    if (reader.field !== 1) continue;
    const entry = within(reader);
    let name = "";
    let value: unknown = {};
    while (entry.next()) {
      if (entry.field === 1) name = decoder.decode(bytes.subarray(entry.start, entry.end));
      else if (entry.field === 2) value = readStruct(within(entry));
    }
    // Not by assignment: a filter may be called __proto__.
    Object.defineProperty(filters, name, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return filters;
}

const decoder = new TextDecoder();

class Decoded implements CheckRequest {
  id = "";
  method = "";
  path = "";
  host = "";
  scheme = "";
  protocol = "";
  size = 0;
  headers: Record<string, string> = Object.create(null);
  headerList: [string, string][] | undefined;
  body: Uint8Array | undefined;
  source = NOBODY;
  destination = NOBODY;
  contextExtensions: Record<string, string> = {};
  sni = "";
  readonly #bytes: Uint8Array;
  /** The message as Latin-1: byte n is character n, so a slice of it is an ASCII field's text. */
  readonly #text: string;
  readonly #ascii: boolean;
  #metadataBytes: Uint8Array | undefined;
  #metadata: Readonly<Record<string, unknown>> | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#text = buffer.toString("latin1");
    // deno-lint-ignore no-control-regex -- every ASCII character counts, control characters too
    this.#ascii = /^[\x00-\x7f]*$/.test(this.#text);
  }

  get metadata(): Readonly<Record<string, unknown>> {
    if (this.#metadata === undefined) {
      this.#metadata = this.#metadataBytes === undefined ? {} : readMetadata(this.#metadataBytes);
    }
    return this.#metadata;
  }

  readAttributes(reader: Reader): void {
    while (reader.next()) {
      switch (reader.field) {
        case 1:
          this.source = this.#peer(within(reader));
          break;
        case 2:
          this.destination = this.#peer(within(reader));
          break;
        case 4:
          this.#request(within(reader));
          break;
        case 10:
          this.#entry(within(reader), this.contextExtensions);
          break;
        case 11:
          // Envoy sends the field with nothing in it, too.
          if (reader.end > reader.start) {
            this.#metadataBytes = this.#bytes.slice(reader.start, reader.end);
          }
          break;
        case 12:
          this.#session(within(reader));
          break;
      }
    }
  }

  #session(reader: Reader): void {
    while (reader.next()) {
      if (reader.field === 1) this.sni = this.#string(reader);
    }
  }

  #request(reader: Reader): void {
    while (reader.next()) {
      if (reader.field === 2) this.#http(within(reader));
    }
  }

  #http(reader: Reader): void {
    while (reader.next()) {
      switch (reader.field) {
        case 1:
          this.id = this.#string(reader);
          break;
        case 2:
          this.method = this.#string(reader);
          break;
        case 3:
          this.#entry(within(reader), this.headers);
          break;
        case 4:
          this.path = this.#string(reader);
          break;
        case 5:
          this.host = this.#string(reader);
          break;
        case 6:
          this.scheme = this.#string(reader);
          break;
        case 9:
          if (reader.type === VARINT) this.size = reader.value;
          break;
        case 10:
          this.protocol = this.#string(reader);
          break;
        case 11:
        case 12:
          this.body = this.#bytes.slice(reader.start, reader.end);
          break;
        case 13:
          this.#headerMap(within(reader));
          break;
      }
    }
  }

  /** One entry of a `map<string, string>`. */
  #entry(reader: Reader, into: Record<string, string>): void {
    let key = "";
    let value = "";
    while (reader.next()) {
      if (reader.field === 1) key = this.#string(reader);
      else if (reader.field === 2) value = this.#string(reader);
    }
    into[key] = value;
  }

  #headerMap(reader: Reader): void {
    this.headerList ??= [];
    while (reader.next()) {
      if (reader.field !== 1) continue;
      const line = within(reader);
      let key = "";
      let value = "";
      while (line.next()) {
        if (line.field === 1) key = this.#string(line);
        else if (line.field === 2 || line.field === 3) value = this.#string(line);
      }
      this.headerList.push([key, value]);
      const before = this.headers[key];
      this.headers[key] = before === undefined ? value : `${before},${value}`;
    }
  }

  #peer(reader: Reader): CheckPeer {
    const peer = { address: "", port: 0, principal: "" };
    while (reader.next()) {
      if (reader.field === 1) this.#address(within(reader), peer);
      else if (reader.field === 4) peer.principal = this.#string(reader);
    }
    return peer;
  }

  #address(reader: Reader, peer: { address: string; port: number }): void {
    while (reader.next()) {
      const inner = within(reader);
      const addressField = reader.field === 1 ? 2 : 1;
      while (inner.next()) {
        if (inner.field === addressField && inner.type === LEN) peer.address = this.#string(inner);
        else if (reader.field === 1 && inner.field === 3) peer.port = inner.value;
      }
    }
  }

  #string(reader: Reader): string {
    if (reader.type !== LEN) {
      throw new TypeError(`Cannot decode field ${reader.field}: wire type ${reader.type}`);
    }
    if (this.#ascii) return this.#text.substring(reader.start, reader.end);
    const { bytes } = reader;
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      .toString("utf8", reader.start, reader.end);
  }
}

/** A strict reader of HTTP/1.1 responses. */
import type { HeaderList } from "../target.ts";
import type { Framing } from "./transcript.ts";

/** Callbacks for the response that is being read. */
export interface ResponseSink {
  /** The method of the request that this response answers: HEAD has no body (RFC 9110 9.3.2). */
  readonly method: string;
  onInformational(status: number, reason: string, headers: HeaderList): void;
  onHead(status: number, reason: string, headers: HeaderList, framing: Framing): void;
  onBody(bytes: Uint8Array): void;
  onComplete(trailers: HeaderList): void;
}

type State = "head" | "length" | "chunk-size" | "chunk-data" | "chunk-end" | "trailers" | "close";

/** Bytes of a head, a chunk-size line or a trailer section beyond which the peer is at fault. */
const MAX_LINES = 256 * 1024;

const LF = 10;
const LATIN1 = new TextDecoder("latin1");

/** Thrown when the bytes are not an HTTP/1.1 response (RFC 9112). */
export class MalformedResponse extends Error {
  override readonly name = "MalformedResponse";
}

/**
 * Reads HTTP/1.1 responses out of a byte stream, several on one connection, body bytes as they
 * come. Strict: bare LF, a bad chunk size or a missing chunk end is an error, because a client that
 * forgives cannot be a witness (RFC 9112 sections 2.2, 6 and 7).
 */
export class ResponseReader {
  readonly #next: () => ResponseSink | undefined;
  #sink: ResponseSink | undefined;
  #state: State = "head";
  #buffer: Uint8Array = new Uint8Array(0);
  #left = 0;

  /** @param next returns the sink of the next expected response; `undefined`: none is expected */
  constructor(next: () => ResponseSink | undefined) {
    this.#next = next;
  }

  /** Whether a response is in the middle: its head was begun and it is not complete. */
  get busy(): boolean {
    return this.#state !== "head" || this.#buffer.length > 0;
  }

  /**
   * Reads bytes from the socket.
   *
   * @throws {MalformedResponse} when they are not a response
   */
  feed(bytes: Uint8Array): void {
    let rest = bytes;
    if (this.#buffer.length > 0) {
      rest = concat(this.#buffer, bytes);
      this.#buffer = new Uint8Array(0);
    }
    while (rest.length > 0) {
      const taken = this.#step(rest);
      if (taken === 0) {
        if (rest.length > MAX_LINES) {
          throw new MalformedResponse(`no end of line within ${MAX_LINES} bytes`);
        }
        this.#buffer = rest.slice();
        return;
      }
      rest = rest.subarray(taken);
    }
  }

  /** Tells that the peer closed; returns true when that is the legal end of the body. */
  finish(): boolean {
    if (this.#state !== "close") return false;
    this.#done([]);
    return true;
  }

  /** Returns how many bytes were taken; 0: more are needed. */
  #step(bytes: Uint8Array): number {
    switch (this.#state) {
      case "head":
        return this.#readHead(bytes);
      case "length":
      case "chunk-data": {
        const part = bytes.subarray(0, this.#left);
        this.#left -= part.length;
        this.#sink?.onBody(part);
        if (this.#left === 0) {
          if (this.#state === "length") this.#done([]);
          else this.#state = "chunk-end";
        }
        return part.length;
      }
      case "close":
        this.#sink?.onBody(bytes);
        return bytes.length;
      case "chunk-end":
        if (bytes.length < 2) return 0;
        if (bytes[0] !== 13 || bytes[1] !== LF) {
          throw new MalformedResponse("chunk data does not end with CRLF");
        }
        this.#state = "chunk-size";
        return 2;
      case "chunk-size":
        return this.#readChunkSize(bytes);
      case "trailers":
        return this.#readTrailers(bytes);
    }
  }

  #readHead(bytes: Uint8Array): number {
    const end = endOfSection(bytes);
    if (end === 0) return 0;
    this.#sink ??= this.#next();
    if (!this.#sink) throw new MalformedResponse("a response that nobody asked for");
    const [first = "", ...lines] = LATIN1.decode(bytes.subarray(0, end - 4)).split("\r\n");
    const match = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: (.*))?$/.exec(first);
    if (!match) throw new MalformedResponse(`status line "${first.slice(0, 80)}"`);
    const status = Number(match[2]);
    const reason = match[3] ?? "";
    const headers = lines.map(parseField);
    if (status < 200 && status !== 101) {
      this.#sink.onInformational(status, reason, headers);
      return end;
    }
    const { state, framing, length } = frame(this.#sink.method, status, headers);
    this.#sink.onHead(status, reason, headers, framing);
    this.#left = length;
    if (state) this.#state = state;
    else this.#done([]);
    return end;
  }

  #readChunkSize(bytes: Uint8Array): number {
    const end = bytes.indexOf(LF);
    if (end < 0) return 0;
    const line = LATIN1.decode(bytes.subarray(0, end + 1));
    const match = /^([0-9A-Fa-f]{1,12})[\t ]*(?:;.*)?\r\n$/s.exec(line);
    if (!match) throw new MalformedResponse(`chunk size "${line.slice(0, 40).trim()}"`);
    this.#left = parseInt(match[1] ?? "", 16);
    this.#state = this.#left === 0 ? "trailers" : "chunk-data";
    return end + 1;
  }

  #readTrailers(bytes: Uint8Array): number {
    if (bytes.length >= 2 && bytes[0] === 13 && bytes[1] === LF) {
      this.#done([]);
      return 2;
    }
    const end = endOfSection(bytes);
    if (end === 0) return 0;
    const lines = LATIN1.decode(bytes.subarray(0, end - 4)).split("\r\n");
    this.#done(lines.map(parseField));
    return end;
  }

  #done(trailers: HeaderList): void {
    const sink = this.#sink;
    this.#sink = undefined;
    this.#state = "head";
    sink?.onComplete(trailers);
  }
}

/** How the body of a response is delimited (RFC 9112 section 6.3). */
function frame(method: string, status: number, headers: HeaderList): {
  state?: State;
  framing: Framing;
  length: number;
} {
  if (method === "HEAD" || status === 204 || status === 304) return { framing: "none", length: 0 };
  if (status === 101) return { state: "close", framing: "close", length: 0 };
  const codings = all(headers, "transfer-encoding");
  const lengths = all(headers, "content-length");
  if (codings.length > 0) {
    if (lengths.length > 0) {
      throw new MalformedResponse("both content-length and transfer-encoding in a response");
    }
    const chunked = codings.join(",").trim().toLowerCase().endsWith("chunked");
    return chunked
      ? { state: "chunk-size", framing: "chunked", length: 0 }
      : { state: "close", framing: "close", length: 0 };
  }
  if (lengths.length === 0) return { state: "close", framing: "close", length: 0 };
  const length = lengths[0] ?? "";
  if (!/^\d+$/.test(length) || lengths.some((other) => other !== length)) {
    throw new MalformedResponse(`content-length "${lengths.join(", ")}"`);
  }
  if (Number(length) === 0) return { framing: "length", length: 0 };
  return { state: "length", framing: "length", length: Number(length) };
}

function all(headers: HeaderList, name: string): string[] {
  return headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);
}

function parseField(line: string): [string, string] {
  const colon = line.indexOf(":");
  const name = line.slice(0, colon);
  if (colon <= 0 || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) {
    throw new MalformedResponse(`header line "${line.slice(0, 80)}"`);
  }
  return [name, line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, "")];
}

/** Returns the index after CR LF CR LF, or 0. */
function endOfSection(bytes: Uint8Array): number {
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (at >= 3 && bytes[at - 1] === 13 && bytes[at - 2] === LF && bytes[at - 3] === 13) {
      return at + 1;
    }
  }
  return 0;
}

function concat(left: Uint8Array, right: Uint8Array): Uint8Array {
  const both = new Uint8Array(left.length + right.length);
  both.set(left);
  both.set(right, left.length);
  return both;
}

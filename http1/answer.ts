/** An HTTP/1.1 answer as it comes (RFC 9112): its head, and its body. */
import { AnswerBody, type BodyFraming } from "./answer_body.ts";

/** Where bytes come from; null at the end. */
export interface ByteSource {
  read(into: Uint8Array): Promise<number | null>;
}

/** The head of an answer. */
export interface AnswerHead {
  readonly status: number;
  /** By name in lower case; a repeated one is joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
}

/** Longest head, in bytes; that of a model list or of Kubernetes has some hundred. */
const MAX_HEAD = 65_536;
const READ_SIZE = 16_384;
const CR_LF = "\r\n";
const CR = 13;
const LF = 10;

/** Reads the answers of one connection, one after the other: each head, then its body to the end. */
export class AnswerReader {
  readonly #source: ByteSource;
  /** Buffer for reads, overwritten by the next one. */
  readonly #buffer = new Uint8Array(READ_SIZE);
  /** Bytes that came and are not consumed yet. */
  #held: Uint8Array = EMPTY;
  #body: AnswerBody | undefined;
  #ahead: Promise<number | null> | undefined;
  #persistent = true;
  #silent = true;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** Whether the last answer was taken to its end, nothing lies beyond it, and the peer stays. */
  get reusable(): boolean {
    return this.#persistent && this.#body?.done === true && this.#held.length === 0;
  }

  /** Whether nothing has come since the last answer. */
  get silent(): boolean {
    return this.#silent;
  }

  /**
   * Begins to read before anything is asked for, so that a peer that goes is noticed: resolves when
   * it has gone, or has said something. The next head begins with that.
   */
  readAhead(): Promise<unknown> {
    return this.#ahead ??= this.#source.read(this.#buffer);
  }

  /**
   * Heads of 1xx are passed over (RFC 9110, 15.2).
   *
   * @throws {TypeError} for what is no head of HTTP/1.1, or only a part of it
   */
  async head(): Promise<AnswerHead> {
    while (true) {
      const text = await this.#headText();
      const { status, minor, headers } = parseHead(text);
      if (status < 200 && status !== 101) continue;
      const framing = framingOf(status, headers);
      this.#body = new AnswerBody(framing);
      this.#persistent = framing.kind !== "close" && staysOpen(minor, headers);
      return { status, headers };
    }
  }

  /**
   * The next bytes of the body, valid until more is asked for; undefined at its end.
   *
   * @throws {TypeError} when the connection ends before it does, or it is not chunked as it says
   */
  async piece(): Promise<Uint8Array | undefined> {
    const body = this.#body;
    if (body === undefined) throw new TypeError("there is no answer yet");
    while (!body.done) {
      if (this.#held.length === 0 && !await this.#more()) {
        if (body.framing.kind === "close") return undefined;
        throw new TypeError("the answer's body was cut off");
      }
      const { piece, used } = body.take(this.#held);
      this.#held = this.#held.subarray(used);
      if (piece !== undefined) return piece;
    }
    this.#silent = true;
    return undefined;
  }

  async #headText(): Promise<string> {
    let bytes = this.#held;
    this.#held = EMPTY;
    let scanned = 0;
    while (true) {
      const end = headEnd(bytes, scanned);
      if (end >= 0) {
        this.#held = bytes.subarray(end);
        return latin1.decode(bytes.subarray(0, end - 4));
      }
      if (bytes.length > MAX_HEAD) {
        throw new TypeError(`the answer's head is longer than ${MAX_HEAD} bytes`);
      }
      // The end's first bytes may have come already.
      scanned = Math.max(0, bytes.length - 3);
      const kept = bytes.length === 0 ? EMPTY : bytes.slice();
      if (!await this.#more()) {
        throw new TypeError("the connection ended before an answer came");
      }
      bytes = kept.length === 0 ? this.#held : joined(kept, this.#held);
      this.#held = EMPTY;
    }
  }

  async #more(): Promise<boolean> {
    const reading = this.#ahead ?? this.#source.read(this.#buffer);
    this.#ahead = undefined;
    const size = await reading;
    if (size !== null) this.#silent = false;
    this.#held = size === null ? EMPTY : this.#buffer.subarray(0, size);
    return size !== null;
  }
}

const EMPTY = new Uint8Array();

/** One character per byte. */
const latin1 = new TextDecoder("latin1");

/** Place after the empty line, or -1. */
function headEnd(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (at >= 3 && bytes[at - 1] === CR && bytes[at - 2] === LF && bytes[at - 3] === CR) {
      return at + 1;
    }
  }
  return -1;
}

function parseHead(text: string): AnswerHead & { readonly minor: string | undefined } {
  const [first = "", ...lines] = text.split(CR_LF);
  const [, minor, code] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(first) ?? [];
  const status = Number(code);
  if (!(status >= 100)) throw new TypeError(`it does not speak HTTP/1.1: "${first.slice(0, 40)}"`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new TypeError(`the answer's head has a line without a name`);
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const known = headers.get(name);
    headers.set(name, known === undefined ? value : `${known}, ${value}`);
  }
  return { status, headers, minor };
}

/** RFC 9112, 6.3. No answer here belongs to a HEAD or a CONNECT. */
function framingOf(status: number, headers: ReadonlyMap<string, string>): BodyFraming {
  if (status === 204 || status === 304) return { kind: "length", length: 0 };
  const coding = headers.get("transfer-encoding");
  if (coding !== undefined) return { kind: /\bchunked$/i.test(coding) ? "chunked" : "close" };
  const given = headers.get("content-length");
  if (given === undefined) return { kind: "close" };
  // Said twice alike, it counts as once.
  const [length = "", ...others] = given.split(",").map((part) => part.trim());
  if (!/^\d{1,15}$/.test(length) || others.some((other) => other !== length)) {
    throw new TypeError(`the answer's content-length is no length: "${given.slice(0, 40)}"`);
  }
  return { kind: "length", length: Number(length) };
}

/** RFC 9112, 9.3. */
function staysOpen(minor: string | undefined, headers: ReadonlyMap<string, string>): boolean {
  const connection = headers.get("connection");
  if (connection === undefined) return minor === "1";
  return minor === "1" ? !/\bclose\b/i.test(connection) : /\bkeep-alive\b/i.test(connection);
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const all = new Uint8Array(one.length + other.length);
  all.set(one);
  all.set(other, one.length);
  return all;
}

/** An HTTP/1.1 answer as it comes (RFC 9112): its head, and its body as text. */

/** Where bytes come from; null at the end. */
export interface ByteSource {
  read(into: Uint8Array): Promise<number | null>;
}

/** The head of an answer, and what came with it. */
export interface AnswerHead {
  readonly status: number;
  /** By name in lower case; a repeated one is joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
  /** The body's first bytes. */
  readonly rest: Uint8Array;
}

/** Longest head, in bytes; that of a model list or of Kubernetes has some hundred. */
const MAX_HEAD = 65_536;
const READ_SIZE = 16_384;
const CR_LF = "\r\n";

/** @throws {TypeError} for what is no head of HTTP/1.1 */
export async function readHead(source: ByteSource): Promise<AnswerHead> {
  let bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  while (bytes.length < MAX_HEAD) {
    const chunk = await readChunk(source);
    if (chunk === undefined) throw new TypeError("the connection ended before an answer came");
    bytes = joined(bytes, chunk);
    const text = latin1(bytes);
    const end = text.indexOf(CR_LF + CR_LF);
    if (end < 0) continue;
    return { ...parseHead(text.slice(0, end)), rest: bytes.subarray(end + 4) };
  }
  throw new TypeError(`the answer's head is longer than ${MAX_HEAD} bytes`);
}

function parseHead(text: string): Pick<AnswerHead, "status" | "headers"> {
  const [first = "", ...lines] = text.split(CR_LF);
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1]);
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
  return { status, headers };
}

/**
 * The body as text (UTF-8), as it arrives.
 *
 * @throws {TypeError} when it ends before it is whole
 */
export async function* bodyText(
  source: ByteSource,
  headers: ReadonlyMap<string, string>,
  rest: Uint8Array,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = new Reader(source, rest);
  const parts = /\bchunked$/i.test(headers.get("transfer-encoding") ?? "")
    ? chunks(reader)
    : headers.has("content-length")
    ? reader.exactly(Number(headers.get("content-length")))
    : reader.all();
  for await (const part of parts) yield decoder.decode(part, { stream: true });
}

/** RFC 9112, 7.1; trailers are not looked at, the connection ends with them. */
async function* chunks(reader: Reader): AsyncGenerator<Uint8Array> {
  while (true) {
    const size = Number.parseInt(await reader.line(), 16);
    if (!(size >= 0)) throw new TypeError("the answer's body is not chunked as it says");
    if (size === 0) return;
    yield* reader.exactly(size);
    await reader.line();
  }
}

class Reader {
  readonly #source: ByteSource;
  #held: Uint8Array;

  constructor(source: ByteSource, held: Uint8Array) {
    this.#source = source;
    this.#held = held;
  }

  /** Everything to the end of the connection. */
  async *all(): AsyncGenerator<Uint8Array> {
    while (this.#held.length > 0 || await this.#more()) yield this.#take(this.#held.length);
  }

  /** So many bytes, in the pieces that they come in. */
  async *exactly(bytes: number): AsyncGenerator<Uint8Array> {
    let left = bytes;
    while (left > 0) {
      if (this.#held.length === 0 && !await this.#more()) throw cutOff();
      const piece = this.#take(Math.min(left, this.#held.length));
      left -= piece.length;
      yield piece;
    }
  }

  /** Up to the next line end, which is left out. */
  async line(): Promise<string> {
    while (true) {
      const text = latin1(this.#held);
      const end = text.indexOf(CR_LF);
      if (end >= 0) {
        this.#take(end + 2);
        return text.slice(0, end);
      }
      if (this.#held.length > MAX_HEAD || !await this.#more()) throw cutOff();
    }
  }

  #take(bytes: number): Uint8Array {
    const piece = this.#held.subarray(0, bytes);
    this.#held = this.#held.subarray(bytes);
    return piece;
  }

  async #more(): Promise<boolean> {
    const chunk = await readChunk(this.#source);
    if (chunk !== undefined) this.#held = joined(this.#held, chunk);
    return chunk !== undefined;
  }
}

function cutOff(): TypeError {
  return new TypeError("the answer's body was cut off");
}

async function readChunk(source: ByteSource): Promise<Uint8Array | undefined> {
  const into = new Uint8Array(READ_SIZE);
  const size = await source.read(into);
  return size === null ? undefined : into.subarray(0, size);
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(one.length + other.length);
  all.set(one);
  all.set(other, one.length);
  return all;
}

/** One character per byte, so that places in the text are places in the bytes. */
function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

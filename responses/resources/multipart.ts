/** Reads `multipart/form-data` as it arrives. */
import { invalidRequest } from "../api/errors.ts";

/** One part of a form. Its body must be read before the next part is asked for; what is left of it is skipped. */
export interface Part {
  readonly name: string;
  /** Without folders; undefined for a plain field. */
  readonly filename: string | undefined;
  /** `text/plain` when the part does not say (RFC 7578, section 4.4). */
  readonly mimeType: string;
  readonly body: AsyncGenerator<Uint8Array>;
}

/** A part's head is a few lines. */
const MAX_HEAD_BYTES = 16_384;

const CR = 13;
const LINE_END = Uint8Array.of(13, 10);
const HEAD_END = Uint8Array.of(13, 10, 13, 10);
const DASHES = "--";

/** Returns the boundary that a content type names; undefined when it is no form. */
export function boundaryOf(contentType: string | null): string | undefined {
  if (!/^multipart\/form-data\s*;/i.test(contentType ?? "")) return undefined;
  const found = /;\s*boundary=(?:"([^"]{1,70})"|([^;\s"]{1,70}))/i.exec(contentType ?? "");
  return found?.[1] ?? found?.[2];
}

/**
 * Reads a multipart/form-data body (RFC 7578) at the pace of its reader: no more of it is held than what a boundary may
 * hide in.
 *
 * @throws {ApiError} 400 where the body is no form, or ends early
 */
export async function* readParts(
  body: ReadableStream<Uint8Array>,
  boundary: string,
): AsyncGenerator<Part> {
  const bytes = new PushedBack(body);
  // The first boundary has no line before it, unless there is a preamble.
  bytes.unread(LINE_END);
  const delimiter = new TextEncoder().encode(`\r\n${DASHES}${boundary}`);
  try {
    for await (const _ of until(bytes, delimiter)) { /* the preamble is not for us */ }
    while (true) {
      const head = await headOf(bytes);
      if (head === undefined) return;
      const part = until(bytes, delimiter);
      yield { ...describe(head), body: part };
      for await (const _ of part) { /* what the reader left of it */ }
    }
  } finally {
    await bytes.cancel();
  }
}

/** Yields what comes before the delimiter, and takes the delimiter away. */
async function* until(bytes: PushedBack, delimiter: Uint8Array): AsyncGenerator<Uint8Array> {
  while (true) {
    const chunk = await bytes.read();
    const at = find(chunk, delimiter);
    if (at >= 0) {
      bytes.unread(chunk.subarray(at + delimiter.length));
      if (at > 0) yield chunk.subarray(0, at);
      return;
    }
    // The delimiter may begin at the chunk's end.
    const sure = Math.max(0, chunk.length - delimiter.length + 1);
    bytes.unread(chunk.subarray(sure));
    bytes.needMore();
    if (sure > 0) yield chunk.subarray(0, sure);
  }
}

/** The lines after a delimiter; undefined after the last one. */
async function headOf(bytes: PushedBack): Promise<string | undefined> {
  let head = new Uint8Array(0);
  while (true) {
    head = joined(head, await bytes.read());
    if (head[0] === DASHES.charCodeAt(0) && head[1] === DASHES.charCodeAt(1)) return undefined;
    const end = find(head, HEAD_END);
    if (end >= 0) {
      bytes.unread(head.subarray(end + HEAD_END.length));
      return new TextDecoder().decode(head.subarray(0, end));
    }
    if (head.length > MAX_HEAD_BYTES) throw invalidRequest("A part of the form has no head");
  }
}

function describe(head: string): Omit<Part, "body"> {
  const lines = new Map(
    head.split("\r\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const said = new Map<string, string>();
  const disposition = lines.get("content-disposition") ?? "";
  for (
    const [, name = "", value = ""] of disposition.matchAll(
      /;\s*([\w*]+)=("(?:[^"\\]|\\.)*"|[^;\s]*)/g,
    )
  ) {
    said.set(name.toLowerCase(), unquoted(value));
  }
  const name = said.get("name");
  if (name === undefined) throw invalidRequest("A part of the form has no name");
  const extended = /^utf-8''(.*)$/i.exec(said.get("filename*") ?? "")?.[1];
  const filename = extended === undefined ? said.get("filename") : decoded(extended);
  return {
    name,
    filename: filename?.split(/[/\\]/).at(-1),
    mimeType: (lines.get("content-type") ?? "text/plain").split(";")[0]?.trim() ?? "",
  };
}

/** A quoted name; quotes and line ends in it are escaped (HTML Standard, "multipart/form-data encoding"). */
function unquoted(value: string): string {
  if (!value.startsWith('"')) return value;
  return value.slice(1, -1).replaceAll('\\"', '"').replace(
    /%(22|0D|0A)/gi,
    (_, digits: string) => String.fromCharCode(parseInt(digits, 16)),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidRequest("A filename* in the form is not percent-encoded UTF-8");
  }
}

/** A stream of bytes that takes back what was read too far. */
class PushedBack {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  #wantsMore = false;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  unread(bytes: Uint8Array): void {
    this.#rest = bytes;
  }

  /** Tells that the bytes that were put back are not enough: the next read puts new ones behind them. */
  needMore(): void {
    this.#wantsMore = true;
  }

  /** At least one byte. */
  async read(): Promise<Uint8Array> {
    const rest = this.#rest;
    this.#rest = new Uint8Array(0);
    if (rest.length > 0 && !this.#wantsMore) return rest;
    this.#wantsMore = false;
    while (true) {
      const { done, value } = await this.#reader.read();
      if (done) throw invalidRequest("The form ends early: its last boundary is missing");
      if (value.length > 0) return joined(rest, value);
    }
  }

  async cancel(): Promise<void> {
    // A connection that broke is no news here: the read has failed before.
    await this.#reader.cancel().catch(() => {});
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** Where `wanted` begins, or -1. It starts with a carriage return, which the engine finds fast. */
function find(bytes: Uint8Array, wanted: Uint8Array): number {
  const last = bytes.length - wanted.length;
  for (let at = bytes.indexOf(CR); at >= 0 && at <= last; at = bytes.indexOf(CR, at + 1)) {
    let same = 1;
    while (same < wanted.length && bytes[at + same] === wanted[same]) same++;
    if (same === wanted.length) return at;
  }
  return -1;
}

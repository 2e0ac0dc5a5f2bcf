/** Reads HTTP/1.1 requests, strictly or with the leniencies of a defect. */
import type { HeaderList } from "../../conformance/mod.ts";
import type { Leniency } from "./defects.ts";

/** A request head as it came. */
export interface RequestHead {
  method: string;
  target: string;
  headers: HeaderList;
}

/** Callbacks for the request that is being read. */
export interface RequestSink {
  head(head: RequestHead): void;
  body(bytes: Uint8Array): void;
  end(): void;
}

/** Thrown for bytes that are no unambiguous HTTP/1.1 request; `status` is the answer. */
export class BadRequest extends Error {
  override readonly name = "BadRequest";
  constructor(readonly status: number, reason: string) {
    super(reason);
  }
}

/** Largest head that is read, bytes; Envoy's default is 60 KiB. */
const MAX_HEAD = 60 * 1024;

/** Most header lines; Envoy's default. */
const MAX_HEADERS = 100;

const TOKEN = /^[!#$%&'*+\-.^`|~0-9A-Za-z]+$/;

/**
 * Reads HTTP/1.1 requests, one after another. Strict, as an edge has to be: a bare LF, a folded
 * line, two lengths, a length beside chunks, an unknown coding, or an underscore in a name is
 * refused (RFC 9112 sections 2.2, 5.2, 6.1 and 6.3).
 */
export class RequestReader {
  readonly #sink: RequestSink;
  readonly #lenient: Leniency | undefined;
  #buffer = "";
  #state: "head" | "length" | "size" | "data" | "data-end" | "trailers" = "head";
  #left = 0;

  /** @param lenient what to guess at instead of refusing it; a correct reader guesses nothing */
  constructor(sink: RequestSink, lenient?: Leniency) {
    this.#sink = sink;
    this.#lenient = lenient;
  }

  /** @throws {BadRequest} */
  feed(bytes: Uint8Array): void {
    let text = this.#buffer;
    // Latin-1 keeps every byte; bodies are cut out of it again below.
    for (let at = 0; at < bytes.length; at += 8192) {
      text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    }
    let at = 0;
    for (let taken = -1; taken !== 0 && at < text.length; at += taken) {
      taken = this.#step(text, at);
    }
    this.#buffer = text.slice(at);
    if (this.#state !== "data" && this.#state !== "length" && this.#buffer.length > MAX_HEAD) {
      throw new BadRequest(431, "head too large");
    }
  }

  #step(text: string, at: number): number {
    switch (this.#state) {
      case "head":
        return this.#readHead(text, at);
      case "length":
      case "data": {
        const part = text.slice(at, at + this.#left);
        this.#left -= part.length;
        this.#sink.body(Uint8Array.from(part, (char) => char.charCodeAt(0)));
        if (this.#left === 0) {
          if (this.#state === "data") this.#state = "data-end";
          else this.#done();
        }
        return part.length;
      }
      case "data-end":
        if (text.length - at < 2) return 0;
        if (!text.startsWith("\r\n", at) && this.#lenient !== "chunk-sizes") {
          throw new BadRequest(400, "chunk without an end");
        }
        this.#state = "size";
        return 2;
      case "size": {
        const end = text.indexOf("\n", at);
        if (end < 0) return 0;
        const match = /^([0-9A-Fa-f]{1,12})(?:;[^\r\n]*)?\r\n$/.exec(text.slice(at, end + 1));
        if (!match && this.#lenient !== "chunk-sizes") throw new BadRequest(400, "chunk size");
        this.#left = parseInt(match?.[1] ?? text.slice(at, end).replace(/^0x/, ""), 16) || 0;
        this.#state = this.#left === 0 ? "trailers" : "data";
        return end + 1 - at;
      }
      case "trailers": {
        const end = text.indexOf("\r\n", at);
        if (end < 0) return 0;
        if (end === at) this.#done();
        return end + 2 - at;
      }
    }
  }

  #readHead(text: string, at: number): number {
    const end = text.indexOf("\r\n\r\n", at);
    if (end < 0) {
      if (this.#lenient !== "lines" && /[^\r]\n/.test(text.slice(at))) {
        throw new BadRequest(400, "bare LF");
      }
      return 0;
    }
    if (end - at > MAX_HEAD) throw new BadRequest(431, "head too large");
    const [first = "", ...lines] = text.slice(at, end).split("\r\n");
    const match = /^([A-Z]+) (\S+) HTTP\/1\.(\d)$/.exec(first);
    if (!match) throw new BadRequest(400, "request line");
    if (match[3] !== "1") throw new BadRequest(426, "HTTP/1.1 is needed");
    if (lines.length > MAX_HEADERS) throw new BadRequest(431, "too many headers");
    const headers = this.#settle(lines.flatMap((line) => this.#parseLine(line)));
    this.#frame(headers);
    this.#sink.head({ method: match[1] ?? "", target: match[2] ?? "", headers });
    if (this.#state === "head") this.#sink.end();
    return end + 4 - at;
  }

  #parseLine(line: string): [string, string][] {
    if (this.#lenient === "folds" && /^[ \t]/.test(line)) return [];
    if (this.#lenient === "codings") return [parseField(line.replace(/^([^ :]+) +:/, "$1:"), true)];
    if (this.#lenient === "lines") return line.split(/\n|\r/).map((part) => parseField(part, true));
    return [parseField(line)];
  }

  /** A lenient reader believes the length and hides what disagrees from the next one. */
  #settle(headers: HeaderList): HeaderList {
    const isLength = ([name]: [string, string]) => name.toLowerCase() === "content-length";
    if (this.#lenient === "length-and-chunks" && headers.some(isLength)) {
      return headers.filter(([name]) => name.toLowerCase() !== "transfer-encoding");
    }
    if (this.#lenient !== "lengths") return headers;
    const first = headers.find(isLength);
    if (!first) return headers;
    const value = String(Math.max(0, parseInt(first[1]) || 0));
    return [...headers.filter((one) => !isLength(one)), ["content-length", value]];
  }

  #frame(headers: HeaderList): void {
    const all = (name: string) => headers.filter(([key]) => key.toLowerCase() === name);
    const codings = all("transfer-encoding");
    const lengths = all("content-length");
    if (all("host").length !== 1) throw new BadRequest(400, "host");
    if (codings.length > 0) {
      if (lengths.length > 0 && this.#lenient !== "length-and-chunks") {
        throw new BadRequest(400, "content-length with transfer-encoding");
      }
      const plain = codings.length === 1 && codings[0]?.[1].toLowerCase() === "chunked";
      if (!plain && this.#lenient !== "codings") {
        throw new BadRequest(501, "transfer-encoding");
      }
      this.#state = "size";
    } else if (lengths.length > 0) {
      const value = lengths[0]?.[1] ?? "";
      const plain = lengths.length === 1 && /^\d{1,15}$/.test(value);
      if (!plain && this.#lenient !== "lengths") throw new BadRequest(400, "length");
      this.#left = Math.max(0, parseInt(value) || 0);
      if (this.#left > 0) this.#state = "length";
    }
  }

  #done(): void {
    this.#state = "head";
    this.#sink.end();
  }
}

function parseField(line: string, lenient = false): [string, string] {
  const colon = line.indexOf(":");
  const name = line.slice(0, colon);
  const value = line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, "");
  const odd = /[\r\n\0]/.test(value);
  if (colon <= 0 || !TOKEN.test(name) || (odd && !lenient)) throw new BadRequest(400, "header");
  return [name, value.replace(/[\r\n\0]/g, "")];
}

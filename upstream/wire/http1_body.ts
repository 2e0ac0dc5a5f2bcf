/** Reads request bodies of HTTP/1.1. */
import { HeadError, type RequestHead } from "./http1_head.ts";

/** A chunk-size or trailer line longer than this is malformed. */
const LINE_LIMIT = 8192;

/** Reads a request body from the connection's bytes (RFC 9112 sections 6 and 7). */
export class BodyDecoder {
  #state: "size" | "data" | "data-end" | "trailer" | "done" = "done";
  #left = 0;
  #line = "";
  readonly #chunked: boolean;

  constructor(framing: RequestHead["body"]) {
    this.#chunked = framing.kind === "chunked";
    if (framing.kind === "chunked") this.#state = "size";
    if (framing.kind === "length") {
      this.#state = "data";
      this.#left = framing.length;
    }
  }

  /** Whether the whole body has been taken. */
  get done(): boolean {
    return this.#state === "done";
  }

  /**
   * Consumes from `bytes`, calls `onData` for each piece of body, and returns how many bytes were
   * used: all of them until the body is done.
   *
   * @throws {HeadError} when the chunked framing is malformed
   */
  take(bytes: Uint8Array, onData: (piece: Uint8Array) => void): number {
    let at = 0;
    while (at < bytes.length && this.#state !== "done") {
      if (this.#state === "data") {
        const piece = bytes.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        onData(piece);
        if (this.#left === 0) this.#state = this.#chunked ? "data-end" : "done";
        continue;
      }
      const end = bytes.indexOf(10, at);
      const upTo = end < 0 ? bytes.length : end + 1;
      for (let i = at; i < upTo; i++) this.#line += String.fromCharCode(bytes[i] ?? 0);
      at = upTo;
      if (this.#line.length > LINE_LIMIT) throw new HeadError("Malformed chunk: line too long");
      if (end >= 0) this.#onLine();
    }
    return at;
  }

  #onLine(): void {
    const line = this.#line;
    this.#line = "";
    if (!line.endsWith("\r\n")) throw new HeadError("Malformed chunk: bare LF");
    const text = line.slice(0, -2);
    if (this.#state === "data-end") {
      if (text !== "") throw new HeadError("Malformed chunk: longer than its size");
      this.#state = "size";
    } else if (this.#state === "size") {
      const size = /^([0-9a-fA-F]{1,13})[ \t]*(;.*)?$/.exec(text);
      if (!size) throw new HeadError(`Malformed chunk size: "${text.slice(0, 40)}"`);
      this.#left = parseInt(size[1] ?? "0", 16);
      this.#state = this.#left === 0 ? "trailer" : "data";
    } else if (text === "") {
      this.#state = "done";
    }
  }
}

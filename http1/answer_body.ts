/** How the end of a body is known (RFC 9112, 6.3). */
export type BodyFraming =
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  /** It ends with the connection. */
  | { readonly kind: "close" };

/** A chunk-size or trailer line longer than this is malformed. */
const LINE_LIMIT = 8_192;
const LF = 10;

/** Reads a body from a connection's bytes (RFC 9112, 6 and 7.1); trailers are skipped. */
export class AnswerBody {
  readonly framing: BodyFraming;
  #state: "size" | "data" | "data-end" | "trailer" | "done";
  #left: number;
  #line = "";

  constructor(framing: BodyFraming) {
    this.framing = framing;
    this.#left = framing.kind === "length" ? framing.length : Infinity;
    this.#state = framing.kind === "chunked" ? "size" : this.#left === 0 ? "done" : "data";
  }

  /** Whether the whole body has been taken; never of one that ends with the connection. */
  get done(): boolean {
    return this.#state === "done";
  }

  /**
   * Returns the next piece in these bytes, if there is one, and how many of them were used. To be
   * called until all are used, or the body is done.
   *
   * @throws {TypeError} for what is not chunked as it says
   */
  take(bytes: Uint8Array): { readonly piece: Uint8Array | undefined; readonly used: number } {
    let at = 0;
    while (at < bytes.length && this.#state !== "done") {
      if (this.#state === "data") {
        const piece = bytes.subarray(at, at + this.#left);
        this.#left -= piece.length;
        if (this.#left === 0) {
          this.#state = this.framing.kind === "chunked" ? "data-end" : "done";
        }
        return { piece, used: at + piece.length };
      }
      const end = bytes.indexOf(LF, at);
      const upTo = end < 0 ? bytes.length : end + 1;
      for (let i = at; i < upTo; i++) this.#line += String.fromCharCode(bytes[i] ?? 0);
      at = upTo;
      if (this.#line.length > LINE_LIMIT) throw malformed();
      if (end >= 0) this.#onLine();
    }
    return { piece: undefined, used: at };
  }

  #onLine(): void {
    const line = this.#line.trimEnd();
    this.#line = "";
    switch (this.#state) {
      case "size": {
        const [, size] = /^([0-9a-f]{1,13})[ \t]*(?:;.*)?$/i.exec(line) ?? [];
        if (size === undefined) throw malformed();
        this.#left = Number.parseInt(size, 16);
        this.#state = this.#left === 0 ? "trailer" : "data";
        return;
      }
      case "data-end":
        if (line !== "") throw malformed();
        this.#state = "size";
        return;
      default:
        if (line === "") this.#state = "done";
    }
  }
}

function malformed(): TypeError {
  return new TypeError("the answer's body is not chunked as it says");
}

/** One growing buffer for bytes that arrive in pieces. */

/** Bytes of the first buffer, unless the first piece is longer. */
const FIRST_BYTES = 256;

const EMPTY = new Uint8Array(0);

/**
 * Gathers pieces in one buffer that doubles when it is full. A list of pieces would keep the memory of
 * the read that each is a view of: a body that arrives byte by byte would then hold 64 KiB per byte.
 */
export class GrowingBytes {
  #bytes: Uint8Array<ArrayBuffer> = EMPTY;
  #length = 0;

  /** Bytes gathered. */
  get length(): number {
    return this.#length;
  }

  /** Appends a copy of `piece`. */
  push(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(FIRST_BYTES, this.#bytes.length * 2, length));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }

  /** Returns everything gathered and gives up its memory; the next piece starts anew. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = EMPTY;
    this.#length = 0;
    return taken;
  }
}

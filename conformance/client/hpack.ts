/** HPACK, the header compression of HTTP/2: the suite's own, so that a fault of the product's shows. */
import {
  type Cursor,
  HeaderCodingError,
  readInteger,
  readString,
  writeText,
} from "./header_coding.ts";
import { STATIC_TABLE } from "./hpack_tables.ts";

/** Default size of the dynamic table (RFC 9113 section 6.5.2). */
const TABLE_SIZE = 4096;

/** Size of an entry beyond its text (RFC 7541 section 4.1). */
const ENTRY_OVERHEAD = 32;

/**
 * Encodes header fields as literals without indexing and without Huffman (RFC 7541 section 6.2.2):
 * any bytes can be sent, also those that a polite client would refuse. Text is taken as Latin-1.
 */
export function encodeHeaders(headers: readonly (readonly [string, string])[]): Uint8Array {
  const out: number[] = [];
  for (const [name, value] of headers) {
    out.push(0);
    for (const text of [name, value]) writeText(out, text);
  }
  return Uint8Array.from(out);
}

/** Decodes the header blocks of one connection, in order (RFC 7541 section 2.3.2: stateful). */
export class HpackDecoder {
  readonly #dynamic: [string, string][] = [];
  #size = 0;
  #limit = TABLE_SIZE;

  /**
   * Decodes one complete header block.
   *
   * @throws {HeaderCodingError} when it is not well-formed
   */
  decode(block: Uint8Array): [string, string][] {
    const cursor: Cursor = { bytes: block, at: 0 };
    const headers: [string, string][] = [];
    while (cursor.at < block.length) {
      const first = block[cursor.at] ?? 0;
      if (first & 0x80) {
        headers.push(this.#entry(readInteger(cursor, 7)));
      } else if ((first & 0xe0) === 0x20) {
        this.#limit = readInteger(cursor, 5);
        this.#evict();
      } else {
        const indexed = (first & 0xc0) === 0x40;
        const index = readInteger(cursor, indexed ? 6 : 4);
        const name = index > 0 ? this.#entry(index)[0] : readString(cursor);
        const header: [string, string] = [name, readString(cursor)];
        headers.push(header);
        if (indexed) this.#insert(header);
      }
    }
    return headers;
  }

  #entry(index: number): [string, string] {
    const entry = index <= STATIC_TABLE.length
      ? STATIC_TABLE[index - 1]
      : this.#dynamic[index - STATIC_TABLE.length - 1];
    if (!entry) throw new HeaderCodingError(`no header at index ${index}`);
    return [entry[0], entry[1]];
  }

  #insert(header: [string, string]): void {
    this.#dynamic.unshift(header);
    this.#size += cost(header);
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#limit) {
      const oldest = this.#dynamic.pop();
      if (!oldest) break;
      this.#size -= cost(oldest);
    }
  }
}

function cost([name, value]: [string, string]): number {
  return name.length + value.length + ENTRY_OVERHEAD;
}

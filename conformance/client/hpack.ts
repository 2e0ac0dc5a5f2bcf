import { HUFFMAN_LENGTHS, STATIC_TABLE } from "./hpack_tables.ts";

/** Default size of the dynamic table (RFC 9113 section 6.5.2). */
const TABLE_SIZE = 4096;

/** What an entry costs beyond its text (RFC 7541 section 4.1). */
const ENTRY_OVERHEAD = 32;

const EOS = 256;

/** Thrown when a header block cannot be decoded (RFC 7541). */
export class HpackError extends Error {
  override readonly name = "HpackError";
}

/**
 * Encodes header fields as literals without indexing and without Huffman (RFC 7541 section 6.2.2):
 * any bytes can be sent, also those that a polite client would refuse. Text is taken as Latin-1.
 */
export function encodeHeaders(headers: readonly (readonly [string, string])[]): Uint8Array {
  const out: number[] = [];
  for (const [name, value] of headers) {
    out.push(0);
    for (const text of [name, value]) {
      writeInteger(out, text.length, 7);
      for (let i = 0; i < text.length; i++) out.push(text.charCodeAt(i) & 0xff);
    }
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
   * @throws {HpackError} when it is not well-formed
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
    if (!entry) throw new HpackError(`no header at index ${index}`);
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

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function cost([name, value]: [string, string]): number {
  return name.length + value.length + ENTRY_OVERHEAD;
}

function writeInteger(out: number[], value: number, bits: number): void {
  const max = (1 << bits) - 1;
  if (value < max) {
    out.push(value);
    return;
  }
  out.push(max);
  let rest = value - max;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 0x80);
  out.push(rest);
}

function readInteger(cursor: Cursor, bits: number): number {
  const max = (1 << bits) - 1;
  let value = octet(cursor) & max;
  if (value < max) return value;
  for (let shift = 0; shift <= 28; shift += 7) {
    const next = octet(cursor);
    value += (next & 0x7f) * 2 ** shift;
    if (!(next & 0x80)) return value;
  }
  throw new HpackError("integer too large");
}

function readString(cursor: Cursor): string {
  const coded = ((cursor.bytes[cursor.at] ?? 0) & 0x80) !== 0;
  const length = readInteger(cursor, 7);
  const end = cursor.at + length;
  if (end > cursor.bytes.length) throw new HpackError("string ends beyond the block");
  const bytes = cursor.bytes.subarray(cursor.at, end);
  cursor.at = end;
  return coded ? unhuffman(bytes) : latin1(bytes);
}

function octet(cursor: Cursor): number {
  const value = cursor.bytes[cursor.at++];
  if (value === undefined) throw new HpackError("block ends in the middle of a field");
  return value;
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Symbols by `length * 2^30 + code`: at most 257 entries, so a map is fast enough here. */
const HUFFMAN = canonicalCode();

function canonicalCode(): Map<number, number> {
  const order = HUFFMAN_LENGTHS.map((length, symbol) => ({ length, symbol }));
  order.sort((a, b) => a.length - b.length || a.symbol - b.symbol);
  const codes = new Map<number, number>();
  let code = 0;
  let previous = 0;
  for (const { length, symbol } of order) {
    code *= 2 ** (length - previous);
    previous = length;
    codes.set(length * 2 ** 30 + code, symbol);
    code++;
  }
  return codes;
}

function unhuffman(bytes: Uint8Array): string {
  let text = "";
  let code = 0;
  let length = 0;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      length++;
      if (length > 30) throw new HpackError("unknown Huffman code");
      const symbol = length >= 5 ? HUFFMAN.get(length * 2 ** 30 + code) : undefined;
      if (symbol === undefined) continue;
      if (symbol === EOS) throw new HpackError("EOS inside a string");
      text += String.fromCharCode(symbol);
      code = 0;
      length = 0;
    }
  }
  // Padding is the start of EOS: at most 7 ones (RFC 7541 section 5.2).
  if (length > 7 || code !== 2 ** length - 1) throw new HpackError("wrong Huffman padding");
  return text;
}

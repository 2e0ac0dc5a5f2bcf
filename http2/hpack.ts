/** HPACK, header compression of HTTP/2: https://www.rfc-editor.org/rfc/rfc7541 */
import { Buffer } from "node:buffer";
import { HUFFMAN_SYMBOLS, STATIC_TABLE } from "./hpack_tables.ts";

/** Header fields in order. */
export type HeaderList = (readonly [name: string, value: string])[];

/** Section 4.1: what an entry counts beyond its texts. */
const ENTRY_OVERHEAD = 32;

/** Section 4.2: the table's size before anybody changes it; this side never raises it. */
const MAX_TABLE_BYTES = 4096;

/**
 * Longest header list taken, by the measure of section 4.1, and what SETTINGS_MAX_HEADER_LIST_SIZE says. Envoy's own
 * limit is 60 KiB of text.
 */
export const MAX_LIST_BYTES = 128 * 1024;

/** A header list longer than allowed: the peer was told how long one may be. */
export class ListTooLong extends TypeError {
  override readonly name = "ListTooLong";
}

/** Decodes the header blocks of one connection, in order: each may refer to those before it. */
export class HpackDecoder {
  /** Newest first, as section 2.3.2 counts. */
  readonly #dynamic: (readonly [string, string])[] = [];
  #bytes = 0;
  #limit = MAX_TABLE_BYTES;
  #block: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Size of the list that was decoded last, by the measure of section 4.1. */
  listBytes = 0;

  /**
   * Decodes one block. Throws `TypeError`, {@linkcode ListTooLong} for one that only is too long; the connection is
   * then lost, since later blocks refer to this one.
   */
  decode(block: Uint8Array): HeaderList {
    this.#block = block;
    this.#at = 0;
    const list: HeaderList = [];
    let size = 0;
    while (this.#at < block.length) {
      const byte = block[this.#at] ?? 0;
      if (byte >= 0x80) list.push(this.#entry(this.#integer(7)));
      else if (byte >= 0x40) {
        const field = this.#literal(6);
        this.#insert(field);
        list.push(field);
      } else if (byte >= 0x20) {
        this.#resize(this.#integer(5), list.length);
        continue;
      } else list.push(this.#literal(4));
      const last = list[list.length - 1];
      size += ENTRY_OVERHEAD + (last?.[0].length ?? 0) + (last?.[1].length ?? 0);
      if (size > MAX_LIST_BYTES) throw new ListTooLong("Cannot decode the headers: too many");
    }
    this.listBytes = size;
    return list;
  }

  #entry(index: number): readonly [string, string] {
    const entry = index <= STATIC_TABLE.length
      ? STATIC_TABLE[index - 1]
      : this.#dynamic[index - STATIC_TABLE.length - 1];
    if (entry === undefined) throw new TypeError(`Cannot decode the headers: no entry ${index}`);
    return entry;
  }

  #literal(prefix: number): readonly [string, string] {
    const index = this.#integer(prefix);
    const name = index === 0 ? this.#string() : this.#entry(index)[0];
    return [name, this.#string()];
  }

  #insert(field: readonly [string, string]): void {
    this.#dynamic.unshift(field);
    this.#bytes += sizeOf(field);
    this.#evict();
  }

  #resize(limit: number, fieldsBefore: number): void {
    if (limit > MAX_TABLE_BYTES || fieldsBefore > 0) {
      throw new TypeError("Cannot decode the headers: a table size that was not allowed");
    }
    this.#limit = limit;
    this.#evict();
  }

  #evict(): void {
    while (this.#bytes > this.#limit) {
      const last = this.#dynamic.pop();
      if (last === undefined) break;
      this.#bytes -= sizeOf(last);
    }
  }

  /** Section 5.1: an integer whose first bits share a byte with something else. */
  #integer(prefix: number): number {
    const mask = (1 << prefix) - 1;
    let value = this.#next() & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const byte = this.#next();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new TypeError("Cannot decode the headers: a number that is too large");
  }

  #next(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw new TypeError("Cannot decode the headers: they end too early");
    return byte;
  }

  #string(): string {
    const huffman = (this.#block[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(7);
    const end = this.#at + length;
    if (end > this.#block.length) {
      throw new TypeError("Cannot decode the headers: they end too early");
    }
    const bytes = this.#block.subarray(this.#at, end);
    this.#at = end;
    if (huffman) return decodeHuffman(bytes);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  }
}

function sizeOf([name, value]: readonly [string, string]): number {
  return name.length + value.length + ENTRY_OVERHEAD;
}

/** End of a string; section 5.2 forbids it inside one. */
const EOS = 256;

/** The code as a tree: node n has its children at 2n and 2n+1; a negative child is the symbol -1 - child. */
const TREE: readonly number[] = buildTree();

function buildTree(): number[] {
  const tree = [0, 0];
  let code = 0;
  let length = 0;
  for (const [bits, symbols] of HUFFMAN_SYMBOLS) {
    code <<= bits - length;
    length = bits;
    for (const symbol of symbols) {
      let node = 0;
      for (let bit = bits - 1; bit >= 0; bit--) {
        const slot = node * 2 + ((code >> bit) & 1);
        if (bit === 0) tree[slot] = -1 - symbol;
        else {
          if (!tree[slot]) {
            tree[slot] = tree.length / 2;
            tree.push(0, 0);
          }
          node = tree[slot] ?? 0;
        }
      }
      code++;
    }
  }
  return tree;
}

/** Where text is put together; no code is shorter than five bits. */
let scratch = Buffer.alloc(1024);

/**
 * Decodes a Huffman string. Throws `TypeError` for EOS or for padding that is not its first bits. The bytes become one
 * flat text: built a character at a time, V8 would keep fifty bytes for each.
 */
export function decodeHuffman(bytes: Uint8Array): string {
  const longest = Math.ceil((bytes.length * 8) / 5);
  if (scratch.length < longest) scratch = Buffer.alloc(longest);
  const text = scratch;
  let length = 0;
  let node = 0;
  let open = 0;
  let ones = true;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const one = (byte >> bit) & 1;
      const child = TREE[node * 2 + one] ?? 0;
      open++;
      ones = ones && one === 1;
      if (child >= 0) {
        node = child;
        continue;
      }
      const symbol = -1 - child;
      if (symbol === EOS) throw new TypeError("Cannot decode the headers: EOS within a string");
      text[length++] = symbol;
      node = 0;
      open = 0;
      ones = true;
    }
  }
  if (open > 7 || !ones) throw new TypeError("Cannot decode the headers: wrong padding");
  return text.toString("latin1", 0, length);
}

/**
 * Encodes a header block without state: every field a literal that no table remembers
 * (section 6.2.2), `:status 200` by its index. The same fields always give the same bytes.
 */
export function encodeHeaders(list: HeaderList): Uint8Array {
  const out: number[] = [];
  for (const [name, value] of list) {
    if (name === ":status" && value === "200") {
      out.push(0x88);
      continue;
    }
    out.push(0);
    literal(out, name);
    literal(out, value);
  }
  return new Uint8Array(out);
}

function literal(out: number[], text: string): void {
  const bytes = Buffer.from(text, "latin1");
  let length = bytes.length;
  if (length < 127) out.push(length);
  else {
    out.push(127);
    length -= 127;
    while (length >= 128) {
      out.push((length % 128) | 0x80);
      length = Math.floor(length / 128);
    }
    out.push(length);
  }
  for (const byte of bytes) out.push(byte);
}

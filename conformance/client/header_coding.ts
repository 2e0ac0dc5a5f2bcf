/** The integers and strings that HPACK and QPACK share (RFC 7541 section 5, RFC 9204 section 4.1). */
import { HUFFMAN_LENGTHS } from "./hpack_tables.ts";

/** Thrown when a block of header fields cannot be decoded (RFC 7541, RFC 9204). */
export class HeaderCodingError extends Error {
  override readonly name = "HeaderCodingError";
}

/** Where in a block the next octet is read. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/** Writes an integer with a prefix of `bits`; `pattern` is what stands before it in the first octet. */
export function writeInteger(out: number[], value: number, bits: number, pattern = 0): void {
  const max = (1 << bits) - 1;
  if (value < max) {
    out.push(pattern | value);
    return;
  }
  out.push(pattern | max);
  let rest = value - max;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 0x80);
  out.push(rest);
}

/** Writes text without Huffman, its length before it with a prefix of `bits`. Text is taken as Latin-1. */
export function writeText(out: number[], text: string, bits = 7, pattern = 0): void {
  writeInteger(out, text.length, bits, pattern);
  for (let i = 0; i < text.length; i++) out.push(text.charCodeAt(i) & 0xff);
}

/** Reads an integer with a prefix of `bits`. */
export function readInteger(cursor: Cursor, bits: number): number {
  const max = (1 << bits) - 1;
  let value = octet(cursor) & max;
  if (value < max) return value;
  for (let shift = 0; shift <= 28; shift += 7) {
    const next = octet(cursor);
    value += (next & 0x7f) * 2 ** shift;
    if (!(next & 0x80)) return value;
  }
  throw new HeaderCodingError("integer too large");
}

/** Reads a string whose length has a prefix of `bits`; the bit before it says whether it is Huffman's. */
export function readString(cursor: Cursor, bits = 7): string {
  const coded = ((cursor.bytes[cursor.at] ?? 0) & (1 << bits)) !== 0;
  const length = readInteger(cursor, bits);
  const end = cursor.at + length;
  if (end > cursor.bytes.length) throw new HeaderCodingError("string ends beyond the block");
  const bytes = cursor.bytes.subarray(cursor.at, end);
  cursor.at = end;
  return coded ? unhuffman(bytes) : latin1(bytes);
}

function octet(cursor: Cursor): number {
  const value = cursor.bytes[cursor.at++];
  if (value === undefined) throw new HeaderCodingError("block ends in the middle of a field");
  return value;
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

const EOS = 256;

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
      if (length > 30) throw new HeaderCodingError("unknown Huffman code");
      const symbol = length >= 5 ? HUFFMAN.get(length * 2 ** 30 + code) : undefined;
      if (symbol === undefined) continue;
      if (symbol === EOS) throw new HeaderCodingError("EOS inside a string");
      text += String.fromCharCode(symbol);
      code = 0;
      length = 0;
    }
  }
  // Padding is the start of EOS: at most 7 ones (RFC 7541 section 5.2).
  if (length > 7 || code !== 2 ** length - 1) throw new HeaderCodingError("wrong Huffman padding");
  return text;
}

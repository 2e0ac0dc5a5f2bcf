/** Protobuf's wire format, as little of it as the lean codecs need: https://protobuf.dev/programming-guides/encoding/ */

/** Wire types. */
export const VARINT = 0;
export const I64 = 1;
export const LEN = 2;
export const I32 = 5;

/** Walks the fields of one message without copying. Throws `TypeError` for bytes that are no message. */
export class Reader {
  readonly bytes: Uint8Array;
  #at: number;
  readonly #end: number;
  /** Number of the field that {@linkcode next} found. */
  field = 0;
  /** Wire type of that field. */
  type = 0;
  /** Value of a varint field, as a double: exact to 53 bits, which covers every size here. */
  value = 0;
  /** Where the content of a length-delimited field starts. */
  start = 0;
  /** Where it ends. */
  end = 0;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Moves to the next field; false at the end. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    this.type = tag % 8;
    if (this.field === 0) throw new TypeError("Cannot decode the message: field number 0");
    switch (this.type) {
      case VARINT:
        this.value = this.#varint();
        break;
      case LEN: {
        const length = this.#varint();
        this.start = this.#at;
        this.end = this.#skip(length);
        break;
      }
      case I64:
        this.start = this.#at;
        this.end = this.#skip(8);
        break;
      case I32:
        this.#skip(4);
        break;
      default:
        throw new TypeError(`Cannot decode the message: wire type ${this.type}`);
    }
    return true;
  }

  /** Value of a field of eight bytes, read as a double. */
  double(): number {
    const { buffer, byteOffset } = this.bytes;
    return new DataView(buffer, byteOffset).getFloat64(this.start, true);
  }

  #skip(length: number): number {
    const end = this.#at + length;
    if (length < 0 || end > this.#end) {
      throw new TypeError("Cannot decode the message: it ends within a field");
    }
    this.#at = end;
    return end;
  }

  #varint(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    // Bits 0-27, 28-55 and 56-63 apart: as one double, the low bits of a negative number would drown.
    let low = first & 0x7f;
    let middle = 0;
    let high = 0;
    for (let i = 1; i < 10; i++) {
      const byte = this.#byte();
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << (7 * i);
      else if (i < 8) middle |= bits << (7 * (i - 4));
      else high |= (bits << (7 * (i - 8))) & 0xff;
      if (byte < 0x80) return (high - (high & 0x80) * 2) * 2 ** 56 + middle * 2 ** 28 + low;
    }
    throw new TypeError("Cannot decode the message: a number longer than 10 bytes");
  }

  #byte(): number {
    if (this.#at >= this.#end) {
      throw new TypeError("Cannot decode the message: it ends within a number");
    }
    return this.bytes[this.#at++] ?? 0;
  }
}

const encoder = new TextEncoder();

/** Builds a message; grows as needed. Fields with a default value are left out by the caller. */
export class Writer {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** How many bytes were written so far. */
  get length(): number {
    return this.#length;
  }

  /** A whole number that is not negative. */
  uint(field: number, value: number): void {
    this.#varint(field * 8 + VARINT);
    this.#varint(value);
  }

  /** True or false. */
  bool(field: number, value: boolean): void {
    this.uint(field, value ? 1 : 0);
  }

  /** A double. */
  double(field: number, value: number): void {
    this.#varint(field * 8 + I64);
    this.#reserve(8);
    new DataView(this.#bytes.buffer).setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  /** Text, as UTF-8. */
  string(field: number, value: string): void {
    // A UTF-16 unit takes three bytes at most, so this length has one byte.
    if (value.length > 42) return this.bytes(field, encoder.encode(value));
    this.#varint(field * 8 + LEN);
    this.#reserve(1 + value.length * 3);
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(this.#length + 1));
    this.#bytes[this.#length] = written;
    this.#length += 1 + written;
  }

  /** Bytes, or a message that is already encoded. */
  bytes(field: number, value: Uint8Array): void {
    this.#varint(field * 8 + LEN);
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** A message, written by `fill`. */
  message(field: number, fill: (inner: Writer) => void): void {
    this.#varint(field * 8 + LEN);
    // Written in place, with one byte for its length; a longer length moves it.
    const start = this.#length + 1;
    this.#reserve(1);
    this.#length = start;
    fill(this);
    const length = this.#length - start;
    let sizeBytes = 1;
    for (let rest = length; rest > 127; rest = Math.floor(rest / 128)) sizeBytes++;
    if (sizeBytes > 1) {
      this.#reserve(sizeBytes - 1);
      this.#bytes.copyWithin(start + sizeBytes - 1, start, this.#length);
    }
    this.#length = start - 1;
    this.#varint(length);
    this.#length += length;
  }

  /** The bytes written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  #varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.#length++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }
}

/** The part of DER (ITU-T X.690) that a certificate needs, as functions that give bytes. */

export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();

/** One value: its tag, its length, its content. */
function value(tag: number, content: Bytes): Bytes {
  const { length } = content;
  if (length < 128) return joined([new Uint8Array([tag, length]), content]);
  const size: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) size.unshift(left % 256);
  return joined([new Uint8Array([tag, 0x80 | size.length, ...size]), content]);
}

function joined(parts: readonly Bytes[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** SEQUENCE. */
export function sequence(...items: readonly Bytes[]): Bytes {
  return value(0x30, joined(items));
}

/** SET of one item; more would have to be sorted. */
export function set(item: Bytes): Bytes {
  return value(0x31, item);
}

/** INTEGER, from the bytes of a number that is not negative. */
export function integer(bytes: Bytes): Bytes {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from++;
  const short = bytes.subarray(from);
  // A first bit of 1 would make it negative.
  return value(2, (short[0] ?? 0) > 127 ? joined([new Uint8Array([0]), short]) : short);
}

/** BOOLEAN TRUE. */
export const TRUE: Bytes = new Uint8Array([1, 1, 255]);

/** OBJECT IDENTIFIER, from its dotted form. */
export function oid(dotted: string): Bytes {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      digits.unshift(left % 128 | 128);
    }
    bytes.push(...digits);
  }
  return value(6, new Uint8Array(bytes));
}

/** UTF8String. */
export function utf8(text: string): Bytes {
  return value(12, encoder.encode(text));
}

/** UTCTime, which X.509 wants for the years before 2050 (RFC 5280, 4.1.2.5); GeneralizedTime else. */
export function time(date: Date): Bytes {
  const digits = date.toISOString().replace(/\.\d+|[-:T]/g, "");
  return date.getUTCFullYear() < 2050
    ? value(23, encoder.encode(digits.slice(2)))
    : value(24, encoder.encode(digits));
}

/** OCTET STRING. */
export function octets(bytes: Bytes): Bytes {
  return value(4, bytes);
}

/** BIT STRING; `unused` bits at its end do not count. */
export function bits(bytes: Bytes, unused = 0): Bytes {
  return value(3, joined([new Uint8Array([unused]), bytes]));
}

/** `[n]`, constructed: around another value. */
export function explicit(tag: number, content: Bytes): Bytes {
  return value(0xa0 | tag, content);
}

/** `[n]`, primitive: in place of another value's tag. */
export function implicit(tag: number, content: Bytes): Bytes {
  return value(0x80 | tag, content);
}

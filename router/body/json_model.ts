/** Where `model` stands in a JSON body, so that it can be replaced and no other byte. */

/** A piece of a body: from `start` up to, not including, `end`, in bytes. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const BRACKET = 0x5b;
const BRACE_END = 0x7d;
const BRACKET_END = 0x5d;
const COMMA = 0x2c;

const decoder = new TextDecoder();

/**
 * Returns the value's place for every member of a JSON object that is called `key`, in order. A
 * name written with escapes (`"mod\u0065l"`) counts as what it says. The bytes must be one valid
 * JSON object (RFC 8259), a byte order mark before it allowed.
 */
export function memberSpans(bytes: Uint8Array, key: string): Span[] {
  const plain = new TextEncoder().encode(`"${key}"`);
  const found: Span[] = [];
  // Past the mark and what else may stand before the brace.
  let at = bytes.indexOf(BRACE) + 1;
  while (true) {
    at = afterSpace(bytes, at);
    if (at >= bytes.length || bytes[at] === BRACE_END) return found;
    if (bytes[at] === COMMA) {
      at++;
      continue;
    }
    const nameEnd = stringEnd(bytes, at);
    const named = isNamed(bytes.subarray(at, nameEnd), plain, key);
    // One past the colon.
    const start = afterSpace(bytes, afterSpace(bytes, nameEnd) + 1);
    const end = valueEnd(bytes, start);
    if (named) found.push({ start, end });
    at = end;
  }
}

/** Returns the bytes with `text` in place of a piece of them. */
export function splice(bytes: Uint8Array, { start, end }: Span, text: string): Uint8Array {
  const piece = new TextEncoder().encode(text);
  const result = new Uint8Array(bytes.length - (end - start) + piece.length);
  result.set(bytes.subarray(0, start));
  result.set(piece, start);
  result.set(bytes.subarray(end), start + piece.length);
  return result;
}

function isNamed(written: Uint8Array, plain: Uint8Array, key: string): boolean {
  if (written.includes(BACKSLASH)) return JSON.parse(decoder.decode(written)) === key;
  return written.length === plain.length && written.every((byte, index) => byte === plain[index]);
}

function afterSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  // Space, tab, line feed, carriage return: all that JSON knows, and nothing else is below 0x21.
  while (at < bytes.length && (bytes[at] as number) <= 0x20) at++;
  return at;
}

/** The place after the text that opens at `from`. Prompts are long: the search is the engine's. */
function stringEnd(bytes: Uint8Array, from: number): number {
  let at = from + 1;
  while (true) {
    const quote = bytes.indexOf(QUOTE, at);
    if (quote < 0) return bytes.length;
    let escapes = 0;
    while (bytes[quote - 1 - escapes] === BACKSLASH) escapes++;
    at = quote + 1;
    if (escapes % 2 === 0) return at;
  }
}

function valueEnd(bytes: Uint8Array, from: number): number {
  const first = bytes[from];
  if (first === QUOTE) return stringEnd(bytes, from);
  let depth = 0;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte === QUOTE) {
      at = stringEnd(bytes, at) - 1;
    } else if (byte === BRACE || byte === BRACKET) {
      depth++;
    } else if (byte === BRACE_END || byte === BRACKET_END) {
      // The object's own end closes a number or a literal.
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || byte <= 0x20)) {
      return at;
    }
  }
  return bytes.length;
}

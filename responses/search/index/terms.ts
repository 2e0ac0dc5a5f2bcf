/**
 * Words of full-text search: letters, marks and digits of any script, without case and accents. Scripts that are
 * written without spaces give a word a character, so that they are found at all; there is no stemming, which would
 * have to know the language.
 */
const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]|[\p{L}\p{N}]+/gu;
const MARKS = /\p{M}+/gu;

/** Longer ones are cut: they are data (base64, hashes), and nobody types them to the end. */
const LENGTH_LIMIT = 64;

/** The words of a text, in order, repeated as they are. */
export function termsOf(text: string): string[] {
  const plain = text.toLowerCase().normalize("NFKD").replace(MARKS, "");
  return (plain.match(WORD) ?? []).map((word) => word.slice(0, LENGTH_LIMIT));
}

/** Seed and factor of FNV-1a; the hash keeps 30 bits, which V8 holds without a box. */
const SEED = 0x811c9dc5 | 0;
const PRIME = 0x01000193;

/** Class of each ASCII character: its lower-case code, or 0 where words end. */
const FOLDED = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /[A-Za-z0-9]/.test(character) ? character.toLowerCase().charCodeAt(0) : 0;
});

/**
 * The words of a text as numbers, in order: what an index holds in place of words, since a number is found faster and
 * takes no room. Of a million different words about a thousand share their number with another.
 */
export function termKeys(text: string): Int32Array {
  const keys = new Int32Array((text.length >> 1) + 1);
  let count = 0;
  let hash = SEED;
  let length = 0;
  for (let at = 0; at <= text.length; at++) {
    const code = at < text.length ? text.charCodeAt(at) : 0;
    // What is not ASCII has cases and accents of its own.
    if (code >= 128) return Int32Array.from(termsOf(text), keyOf);
    const folded = FOLDED[code] ?? 0;
    if (folded > 0) {
      if (length++ < LENGTH_LIMIT) hash = Math.imul(hash ^ folded, PRIME);
    } else if (length > 0) {
      keys[count++] = mixed(hash);
      hash = SEED;
      length = 0;
    }
  }
  return keys.subarray(0, count);
}

function keyOf(term: string): number {
  let hash = SEED;
  for (let at = 0; at < term.length; at++) hash = Math.imul(hash ^ term.charCodeAt(at), PRIME);
  return mixed(hash);
}

/** The last step of murmur3, since FNV's low bits alone are poor. */
function mixed(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) & 0x3fffffff;
}

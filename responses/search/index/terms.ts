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

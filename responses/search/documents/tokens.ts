/** A stretch of text that is never cut, with the number of tokens that it is taken for. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly tokens: number;
}

/** A kind of piece: what it looks like, and how many characters of it a token has on average. */
const KINDS: readonly { readonly pattern: string; readonly perToken: number }[] = [
  // Characters of scripts without spaces are about a token each.
  {
    pattern: "[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}]",
    perToken: 1,
  },
  // A common word is one token with the space before it; long words are two or three.
  { pattern: " ?[\\p{Script=Latin}\\p{M}]+", perToken: 8 },
  { pattern: " ?[\\p{L}\\p{M}]+", perToken: 7 },
  { pattern: "\\p{N}{1,3}", perToken: 3 },
  { pattern: " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*", perToken: 3 },
  { pattern: "\\s+", perToken: 24 },
];
const PIECE = new RegExp(KINDS.map(({ pattern }) => `(${pattern})`).join("|"), "gu");

/** No piece is longer: a text without any spaces is cut as well. */
const LENGTH_LIMIT = 64;

/**
 * Cuts a text into pieces that cover it, each with an estimate of its tokens. Against OpenAI's o200k_base the sum was
 * within a tenth for English and German prose, Russian, Markdown and TypeScript; a third above for Chinese; a quarter
 * below for lists of checksums. The tokenizer's own tables would be larger than this program.
 */
export function* piecesOf(text: string): Generator<Piece> {
  for (const match of text.matchAll(PIECE)) {
    const kind = match.findIndex((group, at) => at > 0 && group !== undefined) - 1;
    const perToken = KINDS[kind]?.perToken ?? 1;
    const all = match.index + match[0].length;
    for (let start = match.index; start < all; start += LENGTH_LIMIT) {
      const end = Math.min(all, start + LENGTH_LIMIT);
      yield { start, end, tokens: Math.ceil((end - start) / perToken) };
    }
  }
}

/** The estimated number of tokens in a text. */
export function countTokens(text: string): number {
  let tokens = 0;
  for (const piece of piecesOf(text)) tokens += piece.tokens;
  return tokens;
}

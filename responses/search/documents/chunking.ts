/** Cuts texts into chunks. */
import { piecesOf } from "./tokens.ts";

/** How a file is cut (API reference, "StaticChunkingStrategy"): both in tokens, as `piecesOf` estimates them. */
export interface Chunking {
  /** 100 to 4,096. */
  readonly maxTokens: number;
  /** Tokens that a chunk shares with the one before; at most half of `maxTokens`. */
  readonly overlapTokens: number;
}

/** Settings of `auto` (API reference, "AutoChunkingStrategy"). */
export const AUTO_CHUNKING: Chunking = { maxTokens: 800, overlapTokens: 400 };

/** Bounds of `max_chunk_size_tokens` (API reference). */
export const CHUNK_TOKENS = { min: 100, max: 4_096 } as const;

/** The most tokens of a file (OpenAI's guide "File search", limits). */
export const FILE_TOKENS_LIMIT = 5_000_000;

/** A chunk, as a range of the text's UTF-16 units. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Cuts a text into ranges that cover it, in order. Words stay whole. Text without anything but white space has none.
 *
 * @throws {RangeError} when the text has more than {@linkcode FILE_TOKENS_LIMIT} tokens
 */
export function chunksOf(text: string, { maxTokens, overlapTokens }: Chunking): TextRange[] {
  const starts: number[] = [];
  /** Tokens before each piece, and of the whole text at the end. */
  const before: number[] = [0];
  let total = 0;
  for (const { start, tokens } of piecesOf(text)) {
    starts.push(start);
    total += tokens;
    before.push(total);
    if (total > FILE_TOKENS_LIMIT) {
      throw new RangeError(
        `The file has more than ${FILE_TOKENS_LIMIT.toLocaleString("en-US")} tokens`,
      );
    }
  }
  const tokensOf = (from: number, to: number) => (before[to] ?? 0) - (before[from] ?? 0);
  const chunks: TextRange[] = [];
  for (let from = 0; from < starts.length;) {
    let to = from + 1;
    while (to < starts.length && tokensOf(from, to + 1) <= maxTokens) to++;
    const range = { start: starts[from] ?? 0, end: starts[to] ?? text.length };
    if (text.slice(range.start, range.end).trim() !== "") chunks.push(range);
    if (to >= starts.length) break;
    let next = to;
    while (next > from + 1 && tokensOf(next - 1, to) <= overlapTokens) next--;
    from = next;
  }
  return chunks;
}

/** The text that chunks were cut from: what two of them share is taken once. */
export function joinChunks(
  chunks: readonly { readonly start: number; readonly text: string }[],
): string {
  let text = "";
  let end = chunks[0]?.start ?? 0;
  for (const chunk of chunks) {
    text += chunk.text.slice(Math.max(0, end - chunk.start));
    end = Math.max(end, chunk.start + chunk.text.length);
  }
  return text;
}

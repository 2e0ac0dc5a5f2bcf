/** Texts of the mock, in tokens: the same for the same request. */
import type { Random } from "./random.ts";

/** Words of the mock's sentences: plain, and never a secret or a name. */
const WORDS = (
  "a calm river moves past the old mill while two herons wait in the reeds and the light turns " +
  "slowly from grey to gold over wide fields where wind bends the tall grass and small birds " +
  "rise together then settle again near stones that keep the warmth of the day"
).split(" ") as [string, ...string[]];

/** Cuts text into pieces the size of a token: a word with the blank before it. */
export function tokenize(text: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  // Blanks are left to slices: an expression that looks for them before a word tries a long run at each of its places.
  for (const { 0: word, index } of text.matchAll(/\S+/g)) {
    pieces.push(text.slice(from, index + word.length));
    from = index + word.length;
  }
  if (from === text.length) return pieces;
  const last = pieces.pop() ?? "";
  return [...pieces, last + text.slice(from)];
}

/** How many tokens the mock counts in a text. */
export function countTokens(text: string): number {
  return tokenize(text).length;
}

/** Longest part of the user's message that is repeated in the answer. */
const ECHO_LIMIT = 120;

/** Returns the tokens of an answer to `question`: a greeting, its echo, and plain sentences. */
export function* answerTokens(
  question: string,
  options: { random: Random; tokens?: number | undefined },
): Generator<string> {
  const { random } = options;
  const echo = question.trim().replace(/\s+/g, " ").slice(0, ECHO_LIMIT);
  const opening = tokenize(`Hello from the mock upstream. You said: "${echo}".`);
  const total = options.tokens ?? opening.length + 12 + random.below(12);
  let left = total;
  for (const token of opening) {
    if (left-- <= 0) return;
    yield token;
  }
  let sentence = 0;
  while (left-- > 0) {
    const word = random.pick(WORDS);
    if (sentence === 0) yield ` ${word.charAt(0).toUpperCase()}${word.slice(1)}`;
    else yield left === 0 || sentence === 9 ? ` ${word}.` : ` ${word}`;
    sentence = (sentence + 1) % 10;
  }
}

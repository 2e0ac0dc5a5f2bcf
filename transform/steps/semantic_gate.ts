/** Whether two questions ask the same in other words: politeness and articles may differ, and nothing else. */

/** Words in front of a question, and behind it, that ask nothing. */
const BEFORE =
  /^(?:(?:hi|hello|hey|please|kindly|ok|okay|so|well)\b|(?:can|could|would|will) you\b|(?:tell|give|show) me\b|(?:do you know|let me know)\b|i(?:'d| would)? (?:like|want|need) to know\b)[\s,!:]*/i;
const BEHIND = /[\s,]*(?:please|thanks|thank you|thx)[\s.!?]*$/i;
const ARTICLES = new Set(["a", "an", "the"]);

/** Returns the words of a question that carry something, in their order; numbers, names in capitals and quotes as written. */
export function contentOf(question: string): string[] {
  let rest = question.normalize("NFC").trim().replaceAll("’", "'");
  for (let before = ""; before !== rest;) {
    before = rest;
    rest = rest.replace(BEFORE, "").replace(BEHIND, "");
  }
  rest = rest.replace(/\bwhat's\b/gi, "what is");
  const words = rest.match(
    /"[^"]*"|`[^`]*`|[\p{L}\p{N}_]+(?:[.,:/'@_+-]+[\p{L}\p{N}_]+)*|[^\s\p{L}\p{N}.,!?]/gu,
  ) ?? [];
  // "US" is a country and "us" is not; a capital at a word's beginning says nothing.
  return words.map((word) => /^["`]|.[\p{Lu}_\d]|\d/u.test(word) ? word : word.toLowerCase())
    .filter((word) => !ARTICLES.has(word));
}

/** Whether an answer to one question may be given to the other. */
export function asksTheSame(one: string, other: string): boolean {
  const [a, b] = [contentOf(one), contentOf(other)];
  return a.length > 0 && a.length === b.length && a.every((word, at) => word === b[at]);
}

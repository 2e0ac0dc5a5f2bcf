/** Text of strangers on a terminal or in a log: as they sent it, and without power over who reads it. */

/**
 * Characters that move a cursor, change a terminal, or turn the order of what is read: the control characters C0 and
 * C1 (ECMA-48), line and paragraph separators, and those of Unicode's bidirectional algorithm (UAX #9, section 2).
 */
// deno-lint-ignore no-control-regex -- they are what is looked for
const CONTROL = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
/** The same, but for ends of lines and tabs, and for the colours that this program writes itself. */
const UNEXPECTED =
  // deno-lint-ignore no-control-regex -- they are what is looked for
  /\x1b\[\d{1,2}m|[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Returns one field of a line: whatever a client sent stays one line, each control character as `\u001b`. */
export function shown(text: string): string {
  return text.replace(CONTROL, escaped);
}

/** Returns lines for a terminal without control characters, but for colours. What is JSON stays the same JSON. */
export function harmless(lines: string): string {
  return lines.replace(UNEXPECTED, (found) => found.length > 1 ? found : escaped(found));
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

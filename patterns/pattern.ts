/** Regular expressions that people write into files: RE2's syntax, and time that grows with the text alone. */
import { loadModule } from "../service/mod.ts";

/** A compiled expression. */
export interface Pattern {
  test(text: string): boolean;
}

/** How an expression is meant. */
export interface PatternOptions {
  /** Of `i`, `m`, `s` and `u`; without the last, too, an expression is one of code points. */
  readonly flags?: string;
  /** Whether it must match the whole text, as Envoy's own matchers want it. */
  readonly whole?: boolean;
}

/** Compiles what the runtime's own engine might take for ever over. Throws `SyntaxError`. */
export type LinearEngine = (source: string, options: PatternOptions) => Pattern;

let engine: LinearEngine | undefined;

/** Loads the engine for expressions that are not simple; cheap when it is there. */
export async function loadPatterns(): Promise<void> {
  engine ??= (await loadModule<typeof import("./re2.ts")>("patterns/re2.ts")).linearEngine;
}

/**
 * Compiles an expression. One that any engine decides in linear time is left to the runtime's; all others are RE2's,
 * which has no backtracking: no rule can stop the program, whatever text a client sends.
 *
 * @throws {SyntaxError} saying what is wrong, look-around and references among it: RE2 and Envoy have none
 * @throws {TypeError} when an expression needs {@linkcode loadPatterns} before
 */
export function compilePattern(source: string, options: PatternOptions = {}): Pattern {
  if (isSimple(source, options)) {
    const { flags = "", whole = false } = options;
    return new RegExp(
      whole ? `^(?:${source})$` : source,
      flags.includes("u") ? flags : `${flags}u`,
    );
  }
  if (engine === undefined) {
    throw new TypeError("Cannot compile the expression: loadPatterns() must come first");
  }
  return engine(source, options);
}

/** A class, an escape, what may be repeated, or the beginning of a group. */
const TOKEN =
  /\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|.)|\[\^?(?:\\.|[^\]\\])*\]|\(\?[^:]?|\{\d*,?\d*\}|./gsu;

/**
 * Ways in which a backtracking engine may try an expression from one place of a text: an optional part has two, a count
 * one for each number, a group one for each of its alternatives, and all of them multiply.
 */
const MAX_WAYS = 1_000;
/** The same where each place of a text is tried, or a repetition has no end. */
const MAX_WAYS_EVERYWHERE = 16;

/**
 * Whether backtracking cannot hurt: no group is repeated, there is no look-around and no reference, at most one
 * repetition has no end, in an expression that is tried at one place, and few ways lead through it.
 */
export function isSimple(source: string, { whole = false }: PatternOptions): boolean {
  let endless = 0;
  let ways = 1;
  /** Alternatives of each group that is open, the expression itself outermost. */
  const alternatives = [1];
  let before = "";
  for (const [token] of source.matchAll(TOKEN)) {
    if (token.startsWith("(?") && token !== "(?:") {
      // `(?:` is read in two tokens: "(?" and ":".
      if (token.length > 2) return false;
    }
    if (/^\\[1-9k]/.test(token)) return false;
    // RE2 has escapes that the runtime's engine has not, or has with another meaning.
    if (/^\\[a-zA-Z]$/.test(token) && !/^\\[dDwWsSbBtnrfv]$/.test(token)) return false;
    if (token.startsWith("(")) alternatives.push(1);
    else if (token === "|") alternatives.push((alternatives.pop() ?? 0) + 1);
    else if (token === ")") ways *= alternatives.pop() ?? 1;
    const isCount = /^\{\d/.test(token);
    if (/^[*+?]$/.test(token) || isCount) {
      if (before === ")") return false;
      const [, from = "", comma = "", to = ""] = /^\{(\d+)(,?)(\d*)\}$/.exec(token) ?? [];
      if (token === "?") ways *= 2;
      // A counted part is compared as often, whether it may vary or not.
      else if (isCount && !(comma === "," && to === "")) ways *= Math.max(1, Number(to || from));
      else endless++;
    }
    before = token;
  }
  ways *= alternatives.pop() ?? 1;
  const isAtOnePlace = whole || (source.startsWith("^") && !source.includes("|"));
  if (endless > (isAtOnePlace ? 1 : 0)) return false;
  return ways <= (isAtOnePlace && endless === 0 ? MAX_WAYS : MAX_WAYS_EVERYWHERE);
}

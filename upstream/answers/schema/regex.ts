/** Makes a text that a regular expression matches, for `pattern` in schemas and for grammars of tools. */
import type { RequestError } from "../request_error.ts";
import { patternOf, refusal, Work } from "./work.ts";

/** Repetitions beyond the least that a quantifier asks for: none, but `*` and `+` of a lone class look like a word. */
const WORD = 4;

/**
 * Returns a short text that matches an expression: literals, classes, groups, alternatives and quantifiers are solved.
 *
 * @throws {RequestError} 400 `unsupported_pattern` for what is not solved: look-around, references, word boundaries
 */
export function regexInstance(pattern: string, work = new Work()): string {
  try {
    new RegExp(pattern, "u");
  } catch {
    throw refusal(pattern, "it is no regular expression of ECMAScript with the flag u");
  }
  const text = new Sampler(pattern, work).sample();
  if (!patternOf(pattern).test(text)) {
    throw refusal(pattern, `"${text.slice(0, 40)}" is the best try`);
  }
  return text;
}

/** Characters of each escape of a class. */
const CLASSES: Readonly<Record<string, string>> = {
  d: "1",
  w: "a",
  s: " ",
  D: "a",
  W: "-",
  S: "a",
};
const CONTROL: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  f: "\f",
  0: "\0",
};
/** Characters tried for a class that excludes some. */
const TRIED = [..."ab1A- _.xyz029ZB/:@"];

/** A recursive descent over an expression that is known to be well formed. */
class Sampler {
  readonly #pattern: string;
  readonly #characters: string[];
  readonly #work: Work;
  #at = 0;

  constructor(pattern: string, work: Work) {
    this.#pattern = pattern;
    this.#work = work;
    this.#characters = [...pattern];
  }

  sample(): string {
    return this.#alternatives();
  }

  get #next(): string | undefined {
    return this.#characters[this.#at];
  }

  /** The first alternative that matches something is taken. */
  #alternatives(): string {
    const options = [this.#sequence()];
    while (this.#next === "|") {
      this.#at++;
      options.push(this.#sequence());
    }
    return options.find((option) => option !== "") ?? "";
  }

  #sequence(): string {
    let text = "";
    while (this.#next !== undefined && this.#next !== "|" && this.#next !== ")") {
      const from = this.#at;
      const isClass = this.#next === "[" || this.#next === "\\" || this.#next === ".";
      const atom = this.#atom();
      const end = this.#at;
      const times = this.#quantifier(isClass);
      this.#work.spend(1 + atom.length * times);
      text += atom.repeat(times);
      if (end === from) throw this.#unsolved("it is not understood");
    }
    return text;
  }

  #atom(): string {
    const character = this.#characters[this.#at++] as string;
    if (character === "^" || character === "$") return "";
    if (character === ".") return "a";
    if (character === "[") return this.#class();
    if (character === "\\") return this.#escape();
    if (character !== "(") return character;
    if (this.#next === "?") this.#groupKind();
    const text = this.#alternatives();
    this.#at++;
    return text;
  }

  /** `(?:` and `(?<name>` are plain groups; look-around is not solved. */
  #groupKind(): void {
    const rest = this.#characters.slice(this.#at, this.#at + 3).join("");
    if (/^\?<?[=!]/.test(rest)) throw this.#unsolved("look-around is not solved");
    if (rest.startsWith("?:")) {
      this.#at += 2;
      return;
    }
    while (this.#next !== undefined && this.#next !== ">") this.#at++;
    this.#at++;
  }

  #escape(): string {
    const name = this.#characters[this.#at++] ?? "";
    if (name in CLASSES) return CLASSES[name] as string;
    if (name in CONTROL) return CONTROL[name] as string;
    if (name === "p" || name === "P") return this.#property();
    if (name === "u" || name === "x") return this.#codePoint(name);
    if (/[bBk1-9c]/.test(name)) throw this.#unsolved(`"\\${name}" is not solved`);
    return name;
  }

  /** A Unicode property: found by trying, since every property that is used holds one of these. */
  #property(): string {
    const from = this.#at - 2;
    while (this.#next !== "}") this.#at++;
    this.#at++;
    const source = this.#characters.slice(from, this.#at).join("");
    return this.#tried(source);
  }

  #codePoint(kind: string): string {
    const rest = this.#characters.slice(this.#at).join("");
    const found = /^(?:\{([0-9a-f]+)\}|([0-9a-f]{4}))/i.exec(rest);
    const digits = kind === "x" ? rest.slice(0, 2) : found?.[1] ?? found?.[2] ?? "";
    this.#at += kind === "x" ? 2 : found?.[0].length ?? 0;
    return String.fromCodePoint(parseInt(digits, 16));
  }

  /** A class: its first member, or for one that excludes the first character that it does not exclude. */
  #class(): string {
    const from = this.#at - 1;
    while (this.#next !== "]") this.#at += this.#next === "\\" ? 2 : 1;
    this.#at++;
    const source = this.#characters.slice(from, this.#at).join("");
    return this.#tried(source);
  }

  #tried(source: string): string {
    const expression = new RegExp(`^${source}$`, "u");
    const found = TRIED.find((character) => expression.test(character));
    if (found !== undefined) return found;
    for (let code = 0x20; code < 0x3000; code++) {
      const character = String.fromCodePoint(code);
      if (expression.test(character)) return character;
    }
    throw this.#unsolved(`no character of ${source} was found`);
  }

  /** How often the atom before is repeated. */
  #quantifier(isClass: boolean): number {
    const rest = this.#characters.slice(this.#at, this.#at + 24).join("");
    const found = /^(?:([*+?])|\{(\d+)(,(\d*))?\})\??/.exec(rest);
    if (!found) return 1;
    this.#at += found[0].length;
    const [, sign, least, open, most] = found;
    if (sign === "?") return 0;
    if (sign === "*") return isClass ? WORD : 0;
    if (sign === "+") return isClass ? WORD : 1;
    const low = Number(least);
    if (open === undefined || !isClass) return low;
    const high = most === "" || most === undefined ? Infinity : Number(most);
    return Math.min(high, Math.max(low, WORD));
  }

  #unsolved(why: string): RequestError {
    return refusal(this.#pattern, why);
  }
}

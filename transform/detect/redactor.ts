/** Redaction of texts, whole or in pieces; the result does not depend on where a stream was cut. */
import { findAll, type Finder, GLUED, LONGEST_MATCH, LOOK_BEHIND } from "./detectors.ts";

/** Returns what stands in place of a hit. */
export type Replace = (kind: string, found: string) => string;

/** Replaces by a tag: `[EMAIL]`. */
export const byTag: Replace = (kind) => `[${kind}]`;

/** Something that takes a text piece by piece, and gives back what is certain. */
export interface StreamFilter {
  /** Adds a piece; returns the text that no later piece can change. */
  push(piece: string): string;
  /** Ends the text; returns the rest. */
  end(): string;
}

/** Returns a whole text with its hits replaced. */
export function redact(text: string, finders: readonly Finder[], replace: Replace = byTag): string {
  let out = "";
  let at = 0;
  for (const { start, end, kind } of findAll(text, finders)) {
    out += text.slice(at, start) + replace(kind, text.slice(start, end));
    at = end;
  }
  return out + text.slice(at);
}

/**
 * Redacts a text that comes in pieces. It holds back the last word, and words before it that one space joins to it when
 * both could be groups of a card number or an IBAN; in prose that is one word. Where words are written without blanks
 * it is a clause, and 64 characters of one at most.
 */
export class StreamRedactor implements StreamFilter {
  readonly #finders: readonly Finder[];
  readonly #replace: Replace;
  #pending = "";
  /** The characters in front of what is pending: patterns look behind themselves. */
  #before = "";

  constructor(finders: readonly Finder[], replace: Replace = byTag) {
    this.#finders = finders;
    this.#replace = replace;
  }

  push(piece: string): string {
    this.#pending += piece;
    const open = this.#finders.reduce(
      (at, finder) => Math.min(at, finder.openFrom?.(this.#pending) ?? at),
      openFrom(this.#pending),
    );
    const cut = Math.max(open, this.#pending.length - LONGEST_MATCH);
    return cut <= 0 ? "" : this.#release(cut);
  }

  end(): string {
    return this.#release(this.#pending.length);
  }

  /** Releases the first `cut` characters, less a hit that reaches beyond them. */
  #release(cut: number): string {
    const whole = this.#before + this.#pending;
    const skip = this.#before.length;
    let until = skip + cut;
    let at = skip;
    let out = "";
    for (const { start, end, kind } of findAll(whole, this.#finders, until)) {
      if (start < skip || start >= until) continue;
      if (end > until) {
        until = start;
        break;
      }
      out += whole.slice(at, start) + this.#replace(kind, whole.slice(start, end));
      at = end;
    }
    out += whole.slice(at, until);
    this.#before = whole.slice(Math.max(0, until - LOOK_BEHIND), until);
    this.#pending = whole.slice(until);
    return out;
  }
}

/** A character that a pattern may have inside: letters, numbers, signs of ASCII, and halves of what has two. */
const INSIDE = /[\p{L}\p{N}\x21-\x7e\uff20\ud800-\udfff]/u;

/** More letters without a blank than a part of an address has (RFC 5321: 64): none before them is part of one. */
const UNSPACED = new RegExp(`${GLUED}{64}$`, "v");

/** Returns where a text begins that a later piece may still make part of a match. */
function openFrom(text: string): number {
  const unspaced = UNSPACED.exec(text);
  if (unspaced !== null) return unspaced.index;
  let at = text.length;
  for (;;) {
    while (at > 0 && INSIDE.test(text.charAt(at - 1))) at--;
    const joins = at >= 2 && text.charAt(at - 1) === " " && /[0-9A-Z]/.test(text.charAt(at - 2)) &&
      (at === text.length || /[0-9A-Z]/.test(text.charAt(at)));
    if (!joins) return at;
    at--;
  }
}

/** Tags of one request that stand for what was taken out, so that answers can be given back whole. */
export class TagMap {
  readonly #byValue = new Map<string, string>();
  readonly #byTag = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  /** Returns the tag of a value, the same for the same value: `<EMAIL_1>`. */
  readonly replace: Replace = (kind, found) => {
    const known = this.#byValue.get(found);
    if (known !== undefined) return known;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    const tag = `<${kind}_${count}>`;
    this.#byValue.set(found, tag);
    this.#byTag.set(tag, found);
    return tag;
  };

  get isEmpty(): boolean {
    return this.#byTag.size === 0;
  }

  /** Returns a text with its tags replaced by what they stand for. */
  restore(text: string): string {
    return text.replace(/<[A-Z]{1,16}_\d{1,6}>/g, (tag) => this.#byTag.get(tag) ?? tag);
  }

  /** Returns the same for a text that comes in pieces: what may be the beginning of a tag is held back. */
  stream(): StreamFilter {
    let pending = "";
    return {
      push: (piece) => {
        pending += piece;
        const open = /<[A-Z]{0,16}(?:_\d{0,6})?$/.exec(pending);
        const cut = open?.index ?? pending.length;
        const out = this.restore(pending.slice(0, cut));
        pending = pending.slice(cut);
        return out;
      },
      end: () => {
        const out = this.restore(pending);
        pending = "";
        return out;
      },
    };
  }
}

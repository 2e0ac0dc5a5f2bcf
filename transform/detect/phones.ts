/** Phone numbers in whole texts, by the numbering plans of all countries. */
import { type CountryCode, findPhoneNumbersInText } from "libphonenumber-js/max";
import type { Finder, Hit } from "./detectors.ts";

/**
 * Characters of numbers, with what stands between their groups, that one request may have looked at by the numbering
 * plans: 6 us each at worst, while nobody else is served.
 */
export const LOOKED_AT = 64 * 1024;

/** Digits that the plans know (libphonenumber, `VALID_DIGITS`), and what may stand between them (`VALID_PUNCTUATION`). */
const DIGITS = "0-9\\uff10-\\uff19\\u0660-\\u0669\\u06f0-\\u06f9";
const BETWEEN =
  "\\-x\\u2010-\\u2015\\u2212\\u30fc\\uff0d-\\uff0f \\u00a0\\u00ad\\u200b\\u2060\\u3000()\\uff08\\uff09\\uff3b\\uff3d.[\\]/~\\u2053\\u223c\\uff5e";
const PLUS = "+\\uff0b";
const RUN = new RegExp(`[${PLUS}${DIGITS}][${PLUS}${DIGITS}${BETWEEN}]*`, "gu");
const DIGIT = new RegExp(`[${DIGITS}]`, "gu");

/** Fewest digits of a number that is valid anywhere. */
const FEWEST = 5;
/** Characters behind a number that may be its extension: `, ext. 12345`. */
const EXTENSION = 32;

/** Digits that are a number where nobody looks any more: 7 to 15 (ITU-T E.164), with few signs between two. */
const PLAIN = new RegExp(`[${PLUS}]?[${DIGITS}](?:[${BETWEEN}]{0,3}[${DIGITS}]){6,14}`, "gu");

/** A number that says its country: a plus sign, and a bracket that may stand in front of it. */
const BEGINNING = new RegExp(`[(\\[\\uff08\\uff3b]?[${PLUS}]`, "gu");
/** Characters of such a number, from its beginning. */
const NUMBER = new RegExp(`^[(\\[\\uff08\\uff3b]?[${PLUS}][${DIGITS}${BETWEEN}]*`, "u");
/** Characters that say whether a number begins here, and where it ends, its extension included. */
const WINDOW = 72;

/**
 * Returns a finder for one text, whole or in pieces, of numbers that say their country: `+49 30 1234567`. Each is judged by
 * the {@linkcode WINDOW} characters from its beginning alone, up to the next one's, so that no cut of a stream matters.
 */
export function countryPhoneFinder(): Finder {
  let left = LOOKED_AT;
  /** Lengths of the numbers that begin windows; a stream shows each more than once. */
  const known = new Map<string, number>();
  const lengthOf = (window: string): number => {
    const before = known.get(window);
    if (before !== undefined) return before;
    const length = window.length <= left ? judged(window) : plain(window);
    left = Math.max(0, left - window.length);
    known.set(window, length);
    return length;
  };
  const find = function* (text: string, until = text.length): Iterable<Hit> {
    for (const { at, window } of windowsOf(text)) {
      if (at >= until) return;
      const length = lengthOf(window);
      if (length > 0) yield hit(at, at + length);
    }
  };
  return Object.assign(find, {
    openFrom(text: string): number {
      // The windows of all but the last are over.
      const plus = Math.max(text.lastIndexOf("+"), text.lastIndexOf("\uff0b"));
      const at = isBracket(text[plus - 1]) ? plus - 1 : plus;
      if (plus >= 0 && at + WINDOW > text.length) {
        const window = text.slice(at);
        const [number = ""] = NUMBER.exec(window) ?? [];
        if (number.length === window.length || digitsIn(number) >= FEWEST) return at;
      }
      // A bracket at the end may be the beginning of one.
      return isBracket(text.at(-1)) ? text.length - 1 : text.length;
    },
  });
}

/** The windows of a text that may be numbers, in their order. */
function* windowsOf(text: string): Iterable<{ readonly at: number; readonly window: string }> {
  const starts = [...text.matchAll(BEGINNING)].map(({ index }) => index);
  for (const [order, at] of starts.entries()) {
    const window = text.slice(at, Math.min(at + WINDOW, starts[order + 1] ?? text.length));
    if (window.length < FEWEST) continue;
    if (digitsIn(NUMBER.exec(window)?.[0] ?? "") >= FEWEST) yield { at, window };
  }
}

function isBracket(character: string | undefined): boolean {
  return character !== undefined && "([\uff08\uff3b".includes(character);
}

/** The length of the number that begins a text by the numbering plans; 0 for none. */
function judged(window: string): number {
  const [first] = findPhoneNumbersInText(window);
  return first === undefined || first.startsAt > 1 ? 0 : first.endsAt;
}

/** The length of what has a number's digits. */
function plain(window: string): number {
  const [found] = window.matchAll(PLAIN);
  return found === undefined || found.index > 1 ? 0 : found.index + found[0].length;
}

function digitsIn(text: string): number {
  return text.match(DIGIT)?.length ?? 0;
}

/**
 * Returns a finder for the whole texts of one request, in which national numbers of a country are found, too.
 * Behind {@linkcode LOOKED_AT} characters of numbers whatever has as many digits as a phone number is one: who sends more
 * keeps nobody else waiting, and hides nothing.
 */
export function phoneFinder(country: string | undefined): Finder {
  const international = countryPhoneFinder();
  if (country === undefined) return international;
  const options = { defaultCountry: country as CountryCode };
  let left = LOOKED_AT;
  return function* (text) {
    yield* international(text);
    const runs: Run[] = [];
    const beyond: Run[] = [];
    for (const { index, 0: run } of text.matchAll(RUN)) {
      if (digitsIn(run) < FEWEST) continue;
      (run.length <= left ? runs : beyond).push({ start: index, end: index + run.length });
      left = Math.max(0, left - run.length);
    }
    if (runs.length > 0) {
      for (const { startsAt, endsAt } of findPhoneNumbersInText(onlyIn(runs, text), options)) {
        yield hit(startsAt, endsAt);
      }
    }
    for (const { start, end } of beyond) {
      for (const { index, 0: found } of text.slice(start, end).matchAll(PLAIN)) {
        yield hit(start + index, start + index + found.length);
      }
    }
  };
}

interface Run {
  readonly start: number;
  readonly end: number;
}

function hit(start: number, end: number): Hit {
  return { start, end, kind: "PHONE" };
}

/** A text of the same length, in which digits that belong to no run are none: they are not worth a look. */
function onlyIn(runs: readonly Run[], text: string): string {
  let out = "";
  let at = 0;
  for (const { start, end } of runs) {
    if (start > at) out += text.slice(at, start).replace(DIGIT, "_");
    const until = Math.max(at, end);
    out += text.slice(Math.max(at, start), Math.min(text.length, until + EXTENSION));
    at = Math.min(text.length, until + EXTENSION);
  }
  return out + text.slice(at).replace(DIGIT, "_");
}

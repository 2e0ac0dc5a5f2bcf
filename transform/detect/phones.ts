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
const HAS_PLUS = new RegExp(`[${PLUS}]`, "u");

/** Fewest digits of a number that is valid anywhere. */
const FEWEST = 5;
/** Characters behind a number that may be its extension: `, ext. 12345`. */
const EXTENSION = 32;

/** Digits that are a number where nobody looks any more: 7 to 15 (ITU-T E.164), with few signs between two. */
const PLAIN = new RegExp(`[${PLUS}]?[${DIGITS}](?:[${BETWEEN}]{0,3}[${DIGITS}]){6,14}`, "gu");

/**
 * Returns a finder for the texts of one request; with a country, national numbers of it are found without a prefix.
 * Behind {@linkcode LOOKED_AT} characters of numbers whatever has as many digits as a phone number is one: who sends more
 * keeps nobody else waiting, and hides nothing.
 */
export function phoneFinder(country: string | undefined): Finder {
  const options = country === undefined ? {} : { defaultCountry: country as CountryCode };
  let left = LOOKED_AT;
  return function* (text) {
    const runs: Run[] = [];
    const beyond: Run[] = [];
    for (const { index, 0: run } of text.matchAll(RUN)) {
      // Without a country only a number that says its own is one.
      if (country === undefined && !HAS_PLUS.test(run)) continue;
      if ((run.match(DIGIT)?.length ?? 0) < FEWEST) continue;
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

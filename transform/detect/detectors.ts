/** Detectors of personal data and secrets: patterns with boundaries of their own, and checksums where there are any. */
import { isIP } from "node:net";

/** Kinds that can be looked for without knowing a language. */
export const DETECTOR_KINDS = ["email", "phone", "card", "iban", "ssn", "ip", "secret"] as const;

export type DetectorKind = typeof DETECTOR_KINDS[number];

/** One thing that was found: a range of the text, and its kind in capitals. */
export interface Hit {
  readonly start: number;
  readonly end: number;
  readonly kind: string;
}

/** Finds hits in a text, in any order; they may overlap. */
export interface Finder {
  /** Looks for what begins before `until`, the end of the text when left out. */
  (text: string, until?: number): Iterable<Hit>;
  /** Returns where a text begins that a later piece may make part of a hit, beside the last word: absent where nothing does. */
  openFrom?(text: string): number;
}

/**
 * More characters than the longest match of any pattern (a JSON Web Token). A stream needs no more context than this.
 */
export const LONGEST_MATCH = 2_800;

/** Characters in front of a text that a pattern may look at: `Chrome/120.0.0.0` and `version 1.2.3.4` are no addresses. */
export const LOOK_BEHIND = 16;

/** Scripts that put no blank around a foreign word: their letters stand beside a hit without being part of it. */
const GLUING = ["Han", "Hiragana", "Katakana", "Hangul", "Thai", "Lao", "Khmer", "Myanmar"]
  .map((script) => `\\p{scx=${script}}`).join("");
/** A letter of such a script, and one of any other, as classes of an expression (`v`). */
export const GLUED = `[\\p{L}&&[${GLUING}]]`;
const LETTER = `[\\p{L}--[${GLUING}]]`;

/** A local part of 64 octets (RFC 5321, 4.5.3.1), all in letters of gluing scripts or in none (RFC 6531). */
const LOCAL_PART =
  `(?:(?<![${LETTER}\\p{N}._%+\\-])[${LETTER}\\p{N}][${LETTER}\\p{N}._%+'\\-]{0,63}|` +
  `(?<![\\p{L}\\p{N}._%+\\-])${GLUED}[${GLUED}\\p{N}]{0,63})`;
/** Labels of 63 (RFC 1035), and an ending. `git@host:path` is a place in a repository. */
const DOMAIN = `(?:[\\p{L}\\p{N}](?:[\\p{L}\\p{N}\\-]{0,61}[\\p{L}\\p{N}])?\\.){1,8}` +
  `(?:${LETTER}{2,24}(?![${LETTER}\\p{N}]|:[\\w~\\/]|\\.[\\p{L}\\p{N}])|${GLUED}{2,24}(?!${GLUED}))`;

interface Pattern {
  readonly kind: Exclude<DetectorKind, "phone">;
  readonly pattern: RegExp;
  /** Characters without which nothing can match: most texts have none of them. */
  readonly needs: RegExp;
  /** Checks what a pattern cannot say, such as a checksum; returns how much of the match it is, 0 for none. */
  readonly lengthOf?: (match: string) => number;
}

/** Every quantifier is bounded, so that a match is never longer than {@linkcode LONGEST_MATCH}. */
const PATTERNS: readonly Pattern[] = [
  {
    kind: "email",
    needs: /[@\uff20]/,
    pattern: new RegExp(`${LOCAL_PART}[@\\uff20]${DOMAIN}`, "gv"),
    lengthOf: (match) =>
      FILE_ENDINGS.has(match.slice(match.lastIndexOf(".") + 1)) ? 0 : match.length,
  },
  // Key prefixes that providers document: OpenAI, Anthropic, AWS, GitHub, GitLab, Slack, Google, Stripe, npm, Hugging Face;
  // and tokens (RFC 7519).
  {
    kind: "secret",
    needs: /sk-|A[KS]IA|gh[pousr]_|github_pat_|glpat-|xox|AIza|[sr]k_|npm_|hf_|eyJ/,
    pattern:
      /(?<![A-Za-z0-9_-])(?:sk-[A-Za-z0-9_-]{20,200}|A[KS]IA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,60}|github_pat_[A-Za-z0-9_]{50,100}|glpat-[A-Za-z0-9_-]{20,40}|xox[abprs]-[A-Za-z0-9-]{10,80}|AIza[0-9A-Za-z_-]{35}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,120}|npm_[A-Za-z0-9]{36}|hf_[A-Za-z0-9]{30,60}|eyJ[A-Za-z0-9_-]{8,500}\.[A-Za-z0-9_-]{8,1500}\.[A-Za-z0-9_-]{16,700})(?![A-Za-z0-9_-])/g,
    lengthOf: (match) => match.startsWith("sk-") && !isRandom(match.slice(3)) ? 0 : match.length,
  },
  // ISO 13616: two letters, two check digits, up to 30 characters in groups of four.
  {
    kind: "iban",
    needs: /\d/,
    pattern:
      /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])/g,
    lengthOf: ibanLength,
  },
  // ISO/IEC 7812: 13 to 19 digits with a Luhn check digit, as cards print them: in fours, or 4-6-5 and 4-6-4.
  {
    kind: "card",
    needs: /\d/,
    pattern: new RegExp(
      `(?<![${LETTER}\\d.,\\-])(?:\\d{4}(?:[ \\-]?\\d{4}){2}[ \\-]?\\d{1,7}|3\\d{3}[ \\-]\\d{6}[ \\-]\\d{4,5})` +
        `(?![\\d\\-])(?![.,]\\d|${LETTER})`,
      "gv",
    ),
    lengthOf: (match) => isCard(match) ? match.length : 0,
  },
  // Social Security Administration: no area 000, 666 or 9xx, no group 00, no serial 0000.
  {
    kind: "ssn",
    needs: /\d/,
    pattern: new RegExp(
      `(?<![${LETTER}\\d.\\/\\-])(?!000|666|9)\\d{3}-(?!00)\\d{2}-(?!0000)\\d{4}` +
        `(?![${LETTER}\\d\\-])(?!\\.\\d)`,
      "gv",
    ),
  },
  {
    kind: "ip",
    needs: /\d/,
    pattern:
      /(?<![\w.-])(?<!\w\/)(?<!(?:version|release) )(?:\d{1,3}\.){3}\d{1,3}(?![\w-])(?!\.\d)/g,
    lengthOf: (match) => isPublicIpv4(match) ? match.length : 0,
  },
  {
    kind: "ip",
    needs: /:/,
    pattern:
      /(?<![0-9A-Za-z:.])(?:[0-9A-Fa-f]{1,4}:{1,2}){2,7}[0-9A-Fa-f]{1,4}(?![0-9A-Za-z:])(?!\.\d)/g,
    lengthOf: (match) => isPublicIpv6(match) ? match.length : 0,
  },
];

/** Endings of names of files that look like the end of a domain: `icon@2x.png`, `getty@tty1.service`. */
const FILE_ENDINGS = new Set(
  "png jpg jpeg gif svg webp css js ts tsx jsx json yaml yml md txt html service socket timer target mount"
    .split(" "),
);

/** Returns a finder for these kinds; `phone` needs a finder of its own, since it needs context. */
export function patternFinder(kinds: readonly DetectorKind[]): Finder {
  const patterns = PATTERNS.filter(({ kind }) => kinds.includes(kind));
  return function* (text) {
    for (const { kind, pattern, needs, lengthOf } of patterns) {
      if (!needs.test(text)) continue;
      for (const match of text.matchAll(pattern)) {
        const length = lengthOf === undefined ? match[0].length : lengthOf(match[0]);
        if (length === 0) continue;
        const start = match.index;
        yield { start, end: start + length, kind: kind.toUpperCase() };
      }
    }
  };
}

/** Returns the hits of a text, leftmost first, none overlapping: of two that do, the one that begins first, then the longer. */
export function findAll(text: string, finders: readonly Finder[], until = text.length): Hit[] {
  const all = finders.flatMap((finder) => [...finder(text, until)])
    .sort((a, b) => a.start - b.start || b.end - a.end);
  const kept: Hit[] = [];
  for (const hit of all) if (hit.start >= (kept.at(-1)?.end ?? 0)) kept.push(hit);
  return kept;
}

function digitsOf(text: string): string {
  return text.replace(/\D/g, "");
}

/** Whether a word was made by chance: it mixes cases and digits, or is long without a hyphen. */
function isRandom(word: string): boolean {
  const has = (pattern: RegExp) => pattern.test(word);
  if (!has(/\d/) || !has(/[A-Za-z]/)) return false;
  return has(/[A-Z]/) && has(/[a-z]/) || /[A-Za-z0-9]{24}/.test(word);
}

/** Beginnings of card numbers, and how long those are (ISO/IEC 7812; the schemes' published ranges). */
const CARDS: readonly (readonly [beginning: RegExp, lengths: readonly number[]])[] = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^3(?:0[0-5]|[689])/, [14, 16]],
  [/^35(?:2[89]|[3-8])/, [16, 17, 18, 19]],
  [/^6(?:011|4[4-9]|5|2)/, [16, 17, 18, 19]],
  [/^(?:50|5[6-8]|6[0-9])/, [13, 14, 15, 16, 17, 18, 19]],
];

/** The beginnings and lengths of schemes, and the Luhn check (ISO/IEC 7812-1, annex B). */
function isCard(match: string): boolean {
  const digits = digitsOf(match);
  if (/^(\d)\1+$/.test(digits)) return false;
  if (!CARDS.some(([begins, lengths]) => begins.test(digits) && lengths.includes(digits.length))) {
    return false;
  }
  let sum = 0;
  for (const [index, digit] of [...digits].reverse().entries()) {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

/** Lengths by country (ISO 13616, registry of IBAN formats). */
const IBAN_LENGTHS = new Map(
  ("AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 " +
    "ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 " +
    "LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 " +
    "QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20")
    .split(" ").map((one) => [one.slice(0, 2), Number(one.slice(2))]),
);

/** How much of a match an IBAN is: as long as its country says, if the rest modulo 97 is 1 (ISO 7064). */
function ibanLength(match: string): number {
  const wanted = IBAN_LENGTHS.get(match.slice(0, 2));
  let end = 0;
  for (let count = 0; count < (wanted ?? 0); end++) {
    if (end >= match.length) return 0;
    if (match[end] !== " ") count++;
  }
  if (wanted === undefined || end < match.length && match[end] !== " ") return 0;
  const plain = match.slice(0, end).replaceAll(" ", "");
  let rest = 0;
  for (const character of plain.slice(4) + plain.slice(0, 4)) {
    const value = /\d/.test(character) ? character : String(character.charCodeAt(0) - 55);
    rest = Number(`${rest}${value}`) % 97;
  }
  return rest === 1 ? end : 0;
}

/** Addresses that are no host's, or say nothing about a person (RFC 6890): private, loopback, link-local, multicast, masks. */
function isPublicIpv4(match: string): boolean {
  return isIP(match) === 4 &&
    !/^(127|0|10|22[4-9]|2[3-5]\d)\.|^192\.168\.|^169\.254\.|^172\.(1[6-9]|2\d|3[01])\.|\.0\.0$/
      .test(match);
}

/** The same for IPv6; times of day have too few groups, and groups of two digits are a hardware address (EUI-64). */
function isPublicIpv6(match: string): boolean {
  const isHardware = /^(?:[0-9a-f]{2}:){7}[0-9a-f]{2}$/i.test(match);
  return isIP(match) === 6 && !isHardware &&
    !/^(fe80|f[cd][0-9a-f]{2}|ff[0-9a-f]{2})?:/i.test(match);
}

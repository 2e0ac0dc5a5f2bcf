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
export type Finder = (text: string) => Iterable<Hit>;

/**
 * More characters than the longest match of any pattern (a JSON Web Token). A stream needs no more context than this.
 */
export const LONGEST_MATCH = 2_800;

interface Pattern {
  readonly kind: Exclude<DetectorKind, "phone">;
  readonly pattern: RegExp;
  /** Checks what a pattern cannot say, such as a checksum. */
  readonly holds?: (match: string) => boolean;
}

/** Every quantifier is bounded, so that a match is never longer than {@linkcode LONGEST_MATCH}. */
const PATTERNS: readonly Pattern[] = [
  // RFC 5321, 4.5.3.1: a local part of 64 octets, labels of 63 (RFC 1035).
  {
    kind: "email",
    pattern:
      /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}][\p{L}\p{N}._%+-]{0,63}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,4}\p{L}{2,24}(?![\p{L}\p{N}])/gu,
  },
  // Key prefixes that providers document: OpenAI and Anthropic, AWS, GitHub, Slack, Google; and tokens (RFC 7519).
  {
    kind: "secret",
    pattern:
      /(?<![A-Za-z0-9_-])(?:sk-[A-Za-z0-9_-]{20,200}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,60}|xox[abprs]-[A-Za-z0-9-]{10,80}|AIza[0-9A-Za-z_-]{35}|eyJ[A-Za-z0-9_-]{8,500}\.[A-Za-z0-9_-]{8,1500}\.[A-Za-z0-9_-]{16,700})(?![A-Za-z0-9_-])/g,
  },
  // ISO 13616: two letters, two check digits, up to 30 characters in groups of four.
  {
    kind: "iban",
    pattern:
      /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])/g,
    holds: isIban,
  },
  // ISO/IEC 7812: 13 to 19 digits with a Luhn check digit.
  {
    kind: "card",
    pattern: /(?<![\p{L}\d.-])\d{4}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?![\d-])(?!\.\d)/gu,
    holds: isCard,
  },
  // Social Security Administration: no area 000, 666 or 9xx, no group 00, no serial 0000.
  {
    kind: "ssn",
    pattern: /(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])/g,
  },
  {
    kind: "ip",
    pattern: /(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])/g,
    holds: isPublicIpv4,
  },
  {
    kind: "ip",
    pattern: /(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{1,4}:{1,2}){2,7}[0-9A-Fa-f]{1,4}(?![0-9A-Fa-f:])/g,
    holds: (match) => isIP(match) === 6,
  },
];

/** Returns a finder for these kinds; `phone` needs a finder of its own, since it needs context. */
export function patternFinder(kinds: readonly DetectorKind[]): Finder {
  const patterns = PATTERNS.filter(({ kind }) => kinds.includes(kind));
  return function* (text) {
    for (const { kind, pattern, holds } of patterns) {
      for (const match of text.matchAll(pattern)) {
        if (holds !== undefined && !holds(match[0])) continue;
        const start = match.index;
        yield { start, end: start + match[0].length, kind: kind.toUpperCase() };
      }
    }
  };
}

/** Returns the hits of a text, leftmost first, none overlapping: of two that do, the one that begins first, then the longer. */
export function findAll(text: string, finders: readonly Finder[]): Hit[] {
  const all = finders.flatMap((finder) => [...finder(text)])
    .sort((a, b) => a.start - b.start || b.end - a.end);
  const kept: Hit[] = [];
  for (const hit of all) if (hit.start >= (kept.at(-1)?.end ?? 0)) kept.push(hit);
  return kept;
}

function digitsOf(text: string): string {
  return text.replace(/\D/g, "");
}

/** The Luhn check (ISO/IEC 7812-1, annex B), over 13 to 19 digits. */
function isCard(match: string): boolean {
  const digits = digitsOf(match);
  if (digits.length < 13 || digits.length > 19) return false;
  let sum = 0;
  for (const [index, digit] of [...digits].reverse().entries()) {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

/** The check of ISO 13616: moved and read as a number, the rest modulo 97 is 1. */
function isIban(match: string): boolean {
  const plain = match.replaceAll(" ", "");
  if (plain.length < 15 || plain.length > 34) return false;
  let rest = 0;
  for (const character of plain.slice(4) + plain.slice(0, 4)) {
    const value = /\d/.test(character) ? character : String(character.charCodeAt(0) - 55);
    rest = Number(`${rest}${value}`) % 97;
  }
  return rest === 1;
}

/** Loopback and private addresses (RFC 1918) say nothing about a person. */
function isPublicIpv4(match: string): boolean {
  return isIP(match) === 4 &&
    !/^(127|0|10)\.|^192\.168\.|^172\.(1[6-9]|2\d|3[01])\./.test(match);
}

/** Checks of a case, and the status that follows from them. */
import { isDeepStrictEqual } from "node:util";

/** One comparison: its subject, the expected and the observed value. */
export interface Check {
  name: string;
  ok: boolean;
  expected: unknown;
  observed: unknown;
}

/** Statuses of a case, in the words of the report. */
export type Status = "pass" | "fail" | "warn" | "skip" | "unsupported" | "not-measured";

/** Thrown by a case that finds out that it cannot judge this target. */
export class NotJudged extends Error {
  override readonly name = "NotJudged";
  constructor(readonly status: "skip" | "unsupported" | "not-measured", reason: string) {
    super(reason);
  }
}

/** Thrown by a case that needs to be told something which the caller has not declared, such as a refused credential. */
export class Undeclared extends NotJudged {
  constructor(reason: string) {
    super("not-measured", reason);
  }
}

/** The reason of a case that a signal kept from being judged. */
export const INTERRUPTED = "interrupted";

/** How the reason begins when the suite itself was late: the case is asked again, and then not measured. */
export const TOO_BUSY = "The machine was too busy to judge this";

/**
 * Thrown when the suite's own evidence says that it could not keep the time that the case is about: what was observed is
 * then no observation about the target.
 */
export class TooBusy extends NotJudged {
  constructor(evidence: string) {
    super("not-measured", `${TOO_BUSY}: ${evidence}`);
  }
}

/**
 * Thrown when something that had to happen did not: the client, a journal or a barrier was waited
 * for in vain. It is an observation about the target, not a fault of the suite.
 */
export class Awaited extends Error {
  override readonly name = "Awaited";
  constructor(readonly expected: string, readonly observed: string) {
    super(`${expected}: ${observed}`);
  }
}

/** The longest text kept of an observed value. */
const MAX_TEXT = 600;

/** Collects checks; never stops at the first mismatch. */
export class Verdict {
  readonly checks: Check[] = [];

  /** Records that `observed` must equal `expected`, compared deeply. Returns whether it does. */
  equal(name: string, expected: unknown, observed: unknown): boolean {
    return this.that(name, isDeepStrictEqual(expected, observed), expected, observed);
  }

  /** Records a condition, with what was expected in words and what was observed. */
  that(name: string, ok: boolean, expected: unknown, observed: unknown): boolean {
    this.checks.push({ name, ok, expected: plain(expected), observed: plain(observed) });
    return ok;
  }

  /** Records that `observed` is one of `expected`. */
  oneOf(name: string, expected: readonly unknown[], observed: unknown): boolean {
    const ok = expected.some((value) => isDeepStrictEqual(value, observed));
    return this.that(name, ok, { one_of: expected }, observed);
  }

  /** Returns the checks that did not hold. */
  failed(): Check[] {
    return this.checks.filter((check) => !check.ok);
  }
}

/** Returns a JSON-safe, bounded copy of a value. */
export function plain(value: unknown): unknown {
  if (value === undefined) return null;
  if (typeof value === "string") return shorten(value);
  if (typeof value === "number") return Number.isFinite(value) ? round(value) : String(value);
  if (typeof value === "boolean" || value === null) return value;
  if (typeof value === "bigint") return String(value);
  const text = JSON.stringify(value);
  if (text === undefined) return String(value);
  return text.length <= MAX_TEXT ? JSON.parse(text) : shorten(text);
}

function shorten(text: string): string {
  return text.length <= MAX_TEXT ? text : `${text.slice(0, MAX_TEXT)}… (${text.length} characters)`;
}

function round(value: number): number {
  return Number.isInteger(value) ? value : Math.round(value * 1000) / 1000;
}

/** The filter language of the list: words, fields, comparisons; all of them hold. */
import type { ConsoleRequest } from "../request.ts";

/** A filter that was read: what it takes, and what could not be understood. */
export interface Filter {
  readonly fits: (request: ConsoleRequest) => boolean;
  /** Empty when all of it was understood. */
  readonly problem: string;
}

/** Every field, and its value. */
const FIELDS: Readonly<Record<string, (one: ConsoleRequest) => string | number>> = {
  id: (one) => one.id,
  method: (one) => one.method,
  path: (one) => one.path,
  status: (one) => one.status,
  state: (one) => one.state,
  tenant: (one) => one.tenant,
  key: (one) => one.key,
  model: (one) => one.model,
  host: (one) => one.host,
  decision: (one) => one.decision,
  reason: (one) => one.reason,
  ended: (one) => one.ended,
  events: (one) => one.events,
  first: (one) => one.first_byte_ms ?? -1,
  total: (one) => one.total_ms ?? -1,
  tokens: (one) => one.tokens?.output ?? -1,
  rate: (one) => one.events_per_second ?? -1,
  attempts: (one) => one.attempts,
};

/** The fields that a filter may name. */
export const FILTER_FIELDS: readonly string[] = Object.keys(FIELDS);

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
};

/**
 * Reads a filter: `status:>=400 tenant:a,b model:gpt* -path:/healthz "two words"`. A comma is "or", a minus "not", a
 * star any text; what names no field must be somewhere in the row.
 */
export function parseFilter(text: string): Filter {
  const problems: string[] = [];
  const words = text.match(/-?(?:\w+:)?(?:"[^"]*"?|[^\s"]+)/g) ?? [];
  const tests = words.map((word) => {
    const isNot = word.startsWith("-") && word.length > 1;
    const test = testOf(isNot ? word.slice(1) : word, problems);
    return isNot ? (one: ConsoleRequest) => !test(one) : test;
  });
  return { fits: (one) => tests.every((test) => test(one)), problem: problems.join("; ") };
}

function testOf(word: string, problems: string[]): (one: ConsoleRequest) => boolean {
  const [, field = "", rest = ""] = /^(\w+):(.*)$/.exec(word) ?? [];
  const wanted = unquoted(field === "" ? word : rest);
  if (field === "") {
    const low = wanted.toLowerCase();
    return (one) => textOf(one).includes(low);
  }
  const read = Object.hasOwn(FIELDS, field) ? FIELDS[field] : undefined;
  if (read === undefined) {
    problems.push(`no field "${field}": there are ${FILTER_FIELDS.join(", ")}`);
    return () => true;
  }
  const [, operator, bound] = /^(>=|<=|>|<)(\d+(?:\.\d+)?)$/.exec(wanted) ?? [];
  if (operator !== undefined) {
    const compare = COMPARE[operator] ?? (() => false);
    return (one) => Number(read(one)) >= 0 && compare(Number(read(one)), Number(bound));
  }
  if (/^[<>]/.test(wanted)) {
    problems.push(`expected a number behind ${field}:${wanted.slice(0, 2)}`);
  }
  const patterns = wanted.split(",").filter((part) => part !== "").map(patternOf);
  return (one) => patterns.length === 0 || patterns.some((fits) => fits(String(read(one))));
}

function unquoted(text: string): string {
  return text.replace(/^"([^"]*)"?$/, "$1");
}

/** A text with stars, compared without regard to case, in time that grows with its length alone. */
function patternOf(wanted: string): (value: string) => boolean {
  const parts = wanted.toLowerCase().split("*");
  if (parts.length === 1) return (value) => value.toLowerCase() === parts[0];
  return (value) => {
    const text = value.toLowerCase();
    const first = parts[0] ?? "";
    const last = parts.at(-1) ?? "";
    if (!text.startsWith(first)) return false;
    let at = first.length;
    for (const part of parts.slice(1, -1)) {
      const found = text.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return text.length - last.length >= at && text.endsWith(last);
  };
}

function textOf(one: ConsoleRequest): string {
  return Object.values(FIELDS).map((read) => read(one)).join(" ").toLowerCase();
}

/** The line that `dev` prints per request. */
import type { RequestRecord } from "../../service/mod.ts";
import { shown } from "../../service/mod.ts";
import type { Style } from "../style.ts";

/**
 * Returns a request for people: what was asked, what was decided and why, and how long it took. Where one line is too
 * narrow for it, the particulars stand on a second one.
 *
 * @param columns width of the terminal
 */
export function requestLine(record: RequestRecord, style: Style, columns = Infinity): string {
  const paint = record.decision === "allow" || record.decision === "open"
    ? style.good
    : record.decision === "deny"
    ? style.notice
    : style.bad;
  const status = record.status >= 500 ? style.bad(String(record.status)) : String(record.status);
  const { tokens } = record;
  const first: Part[] = [
    [clock(record.time), style.dim],
    [record.decision.padEnd(5), paint],
    [String(record.status), () => status],
    [shown(`${record.method} ${record.path}`)],
    [timing(record)],
    ...(record.ended === null || record.decision === "deny" ? [] : [
      [record.ended, style.notice] as Part,
    ]),
  ];
  const particulars: Part[] = [
    [shown(record.reason)],
    ...(record.tenant === null ? [] : [[shown(`tenant ${record.tenant}`)] as Part]),
    ...(record.attempts > 1 ? [[`${record.attempts} attempts`, style.notice] as Part] : []),
    ...(record.model === null ? [] : [[servedBy(record)] as Part]),
    [bytes(record.bytes)],
    ...(record.events === null ? [] : [[`${record.events} events`] as Part]),
    ...(tokens === null ? [] : [[`${tokens.input}+${tokens.output} tokens`] as Part]),
  ];
  const whole = [...first, ...particulars];
  if (widthOf(whole) <= columns) return painted(whole);
  const indent = " ".repeat(INDENT);
  return `${painted(cut(first, columns))}\n${indent}${
    style.dim(painted(cut(particulars, columns - INDENT), (text) => text))
  }`;
}

/** A text and its colour. */
type Part = readonly [text: string, paint?: (text: string) => string];

/** Between two parts. */
const GAP = "  ";
/** The second line begins below the verdict. */
const INDENT = 14;

function widthOf(parts: readonly Part[]): number {
  return parts.reduce((sum, [text]) => sum + text.length, GAP.length * (parts.length - 1));
}

function painted(parts: readonly Part[], plain?: (text: string) => string): string {
  return parts.map(([text, paint]) => (plain ?? paint ?? String)(text)).join(GAP);
}

/** Shortens the longest part until a line is narrow enough. */
function cut(parts: readonly Part[], columns: number): Part[] {
  const beyond = widthOf(parts) - columns;
  const longest = Math.max(...parts.map(([text]) => text.length));
  if (beyond <= 0 || longest <= beyond + 1) return [...parts];
  const at = parts.findIndex(([text]) => text.length === longest);
  return parts.map(([text, ...paint], index): Part =>
    index === at ? [`${text.slice(0, longest - beyond - 1)}…`, ...paint] : [text, ...paint]
  );
}

function servedBy({ model, host }: RequestRecord): string {
  return shown(host === null ? `${model}` : `${model} on ${host}`);
}

function clock(time: string): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, "0");
  const milliseconds = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${
    two(date.getSeconds())
  }.${milliseconds}`;
}

function timing(record: RequestRecord): string {
  const first = record.first_byte_ms === null ? "" : `first byte ${record.first_byte_ms}, `;
  return `${first}total ${record.total_ms} ms`;
}

function bytes(count: number): string {
  if (count < 1_000) return `${count} B`;
  if (count < 1_000_000) return `${(count / 1_000).toFixed(1)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}

/** The line that `dev` prints per request. */
import type { RequestRecord } from "../../gateway/mod.ts";
import { shown } from "../../service/mod.ts";
import type { Style } from "../style.ts";

/** Returns one line for people: what was asked, what was decided and why, and how long it took. */
export function requestLine(record: RequestRecord, style: Style): string {
  const paint = record.decision === "allow" || record.decision === "open"
    ? style.good
    : record.decision === "deny"
    ? style.notice
    : style.bad;
  const status = record.status >= 500 ? style.bad(String(record.status)) : String(record.status);
  const parts = [
    style.dim(clock(record.time)),
    paint(record.decision.padEnd(5)),
    status,
    shown(`${record.method} ${record.path}`),
    shown(record.reason),
    ...(record.tenant === null ? [] : [shown(`tenant ${record.tenant}`)]),
    ...(record.attempts > 1 ? [style.notice(`${record.attempts} attempts`)] : []),
    ...(record.model === null ? [] : [servedBy(record)]),
    timing(record),
    bytes(record.bytes),
    ...(record.events === null ? [] : [`${record.events} events`]),
    ...(record.flags === "-" || record.flags === "" ? [] : [style.dim(record.flags)]),
  ];
  return parts.join("  ");
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
  const first = record.first_byte_ms === null ? "" : `first byte ${record.first_byte_ms} ms, `;
  return `${first}total ${record.total_ms} ms`;
}

function bytes(count: number): string {
  if (count < 1_000) return `${count} B`;
  if (count < 1_000_000) return `${(count / 1_000).toFixed(1)} kB`;
  return `${(count / 1_000_000).toFixed(1)} MB`;
}

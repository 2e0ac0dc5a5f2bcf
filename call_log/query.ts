/** Questions to a log: calls, sums by tenant or model, and sums over time. */
import type { DatabaseSync } from "node:sqlite";
import { UsageError } from "../service/mod.ts";
import { COLUMNS, type Value } from "./row.ts";

/** Which calls are meant. */
export interface CallFilter {
  /** Milliseconds since the epoch. */
  readonly since?: number | undefined;
  readonly tenant?: string | undefined;
  readonly model?: string | undefined;
  /** `404`, `4xx`, `>=500` */
  readonly status?: string | undefined;
  readonly decision?: string | undefined;
}

/** A call, by the names of the columns. */
export type Call = Readonly<Record<string, Value>>;

/** Columns by which calls can be summed. */
export const GROUPINGS = [
  "tenant",
  "model",
  "status",
  "decision",
  "host",
  "key_name",
  "path",
] as const;

/** A column by which calls are summed. */
export type Grouping = typeof GROUPINGS[number];

/** Sums of some calls. Times are milliseconds; null where no call has one. */
export interface Sums {
  readonly requests: number;
  /** Status 0, and from 400. */
  readonly errors: number;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly tokens_in: number;
  readonly tokens_out: number;
}

/** Returns the newest calls, newest first. */
export function callsOf(database: DatabaseSync, filter: CallFilter, limit: number): Call[] {
  const { where, params } = whereOf(filter);
  return database.prepare(`SELECT * FROM calls ${where} ORDER BY time DESC LIMIT ?`)
    .all(...params, limit) as Call[];
}

/** Yields every call, oldest first. */
export function* eachCall(database: DatabaseSync, filter: CallFilter): Generator<Call> {
  const { where, params } = whereOf(filter);
  const rows = database.prepare(`SELECT * FROM calls ${where} ORDER BY time`).iterate(...params);
  for (const row of rows) yield row as Call;
}

/** Returns sums for each value of a column, the most asked first. */
export function sumsBy(
  database: DatabaseSync,
  filter: CallFilter,
  by: Grouping,
): (Sums & { readonly value: string })[] {
  const { where, params } = whereOf(filter);
  const rows = database.prepare(
    `SELECT coalesce(${by}, '') AS series, 0 AS bucket, ${MEASURES} FROM calls ${where}`,
  ).all(...params) as unknown as Measured[];
  return [...grouped(rows)].map(([, group]) => ({
    value: String(group[0]?.series ?? ""),
    ...sum(group),
  }))
    .sort((one, two) => two.requests - one.requests);
}

/** Sums of a stretch of time, for one series. */
export type Point = Sums & { readonly at: number; readonly series: string };

/** Series that are told apart; the others are one. */
const MOST_SERIES = 6;

/** Returns sums over time: one point for each bucket and series. Seconds since the epoch. */
export function trendsOf(
  database: DatabaseSync,
  { since, bucketMs, by }: { since: number; bucketMs: number; by: "tenant" | "model" | undefined },
): Point[] {
  const series = by === undefined ? "'all'" : `coalesce(nullif(${by}, ''), 'none')`;
  const rows = database.prepare(
    `SELECT ${series} AS series, time / ? AS bucket, ${MEASURES} FROM calls WHERE time >= ?`,
  ).all(bucketMs, since) as unknown as Measured[];
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row.series, (counts.get(row.series) ?? 0) + 1);
  const first = [...counts].sort((one, two) => two[1] - one[1]).slice(0, MOST_SERIES)
    .map(([name]) => name);
  const named = rows.map((row) => first.includes(row.series) ? row : { ...row, series: "others" });
  return [...grouped(named)].map(([, group]) => ({
    at: Math.floor(group[0]?.bucket ?? 0) * bucketMs / 1_000,
    series: group[0]?.series ?? "",
    ...sum(group),
  })).sort((one, two) => one.at - two.at);
}

/** Calls that were lost since a time: the disk was full, or they came faster than it writes. */
export function lossesOf(database: DatabaseSync, since = 0): number {
  const { calls } = database.prepare("SELECT sum(calls) AS calls FROM losses WHERE time >= ?")
    .get(since) ?? {};
  return Number(calls ?? 0);
}

/** Names of the columns, in order. */
export const COLUMN_NAMES: readonly string[] = COLUMNS.map(({ name }) => name);

const MEASURES = "status, first_byte_ms, coalesce(tokens_in, 0) AS tokens_in, " +
  "coalesce(tokens_out, 0) AS tokens_out";

interface Measured {
  readonly series: string;
  readonly bucket: number;
  readonly status: number;
  readonly first_byte_ms: number | null;
  readonly tokens_in: number;
  readonly tokens_out: number;
}

function grouped(rows: readonly Measured[]): Map<string, Measured[]> {
  return Map.groupBy(rows, ({ series, bucket }) => `${Math.floor(bucket)} ${series}`);
}

function sum(rows: readonly Measured[]): Sums {
  const times = rows.flatMap(({ first_byte_ms }) => first_byte_ms === null ? [] : [first_byte_ms])
    .sort((one, two) => one - two);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? null;
  return {
    requests: rows.length,
    errors: rows.filter(({ status }) => status === 0 || status >= 400).length,
    p50_ms: at(0.5),
    p95_ms: at(0.95),
    tokens_in: rows.reduce((total, row) => total + row.tokens_in, 0),
    tokens_out: rows.reduce((total, row) => total + row.tokens_out, 0),
  };
}

function whereOf(filter: CallFilter): { where: string; params: (string | number)[] } {
  const tests: string[] = [];
  const params: (string | number)[] = [];
  const add = (test: string, ...values: (string | number)[]) => {
    tests.push(test);
    params.push(...values);
  };
  if (filter.since !== undefined) add("time >= ?", filter.since);
  for (const name of ["tenant", "model", "decision"] as const) {
    const value = filter[name];
    if (value === undefined) continue;
    if (value.includes("*")) add(`${name} GLOB ?`, value.replace(/[[?]/g, "[$&]"));
    else add(`${name} = ?`, value);
  }
  if (filter.status !== undefined) {
    const [, operator = "=", code = "", family] = /^(>=|<=|>|<|=)?(?:(\d{3})|([1-5])xx)$/.exec(
      filter.status,
    ) ?? [];
    if (family !== undefined) add("status / 100 = ?", Number(family));
    else if (code !== "") add(`status ${operator} ?`, Number(code));
    else {throw new UsageError(
        `Cannot read the status "${filter.status}": expected 404, 4xx or >=500`,
      );}
  }
  return { where: tests.length === 0 ? "" : `WHERE ${tests.join(" AND ")}`, params };
}

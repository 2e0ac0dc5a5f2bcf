/** One call in the log: what is kept of a finished request. No bodies, no headers, no query. */
import type { RequestRecord } from "../service/mod.ts";

/** A value of a column. */
export type Value = string | number | null;

/** Every column: its type in SQLite, its meaning, and its value of a call. */
export const COLUMNS: readonly {
  readonly name: string;
  readonly type: "TEXT" | "INTEGER" | "REAL";
  readonly says: string;
  readonly of: (call: RequestRecord) => Value;
}[] = [
  {
    name: "time",
    type: "INTEGER",
    says: "milliseconds since the epoch",
    of: (call) => Date.parse(call.time) || 0,
  },
  { name: "request_id", type: "TEXT", says: "x-request-id", of: (call) => call.request_id },
  { name: "method", type: "TEXT", says: "HTTP method", of: (call) => call.method },
  {
    name: "path",
    type: "TEXT",
    says: "path, without its query",
    of: (call) => call.path.split("?")[0] ?? "",
  },
  {
    name: "status",
    type: "INTEGER",
    says: "HTTP status, 0 without one",
    of: (call) => call.status,
  },
  {
    name: "decision",
    type: "TEXT",
    says: "allow, deny, error, open, none",
    of: (call) => call.decision,
  },
  { name: "reason", type: "TEXT", says: "rule, or code of the denial", of: (call) => call.reason },
  { name: "details", type: "TEXT", says: "Envoy's code details", of: (call) => call.details },
  { name: "ended", type: "TEXT", says: "Envoy's flags in words", of: (call) => call.ended },
  { name: "tenant", type: "TEXT", says: "tenant", of: (call) => call.tenant },
  { name: "key_name", type: "TEXT", says: "name of the key", of: (call) => call.key },
  { name: "model", type: "TEXT", says: "model that was asked for", of: (call) => call.model },
  { name: "host", type: "TEXT", says: "upstream that answered", of: (call) => call.host },
  {
    name: "attempts",
    type: "INTEGER",
    says: "upstreams that were asked",
    of: (call) => call.attempts,
  },
  { name: "policy_ms", type: "REAL", says: "milliseconds of policy", of: (call) => call.policy_ms },
  {
    name: "upstream_ms",
    type: "REAL",
    says: "milliseconds until the answer's head",
    of: (call) => call.upstream_rx_ms,
  },
  {
    name: "first_byte_ms",
    type: "REAL",
    says: "milliseconds until the client's first byte",
    of: (call) => call.first_byte_ms,
  },
  { name: "total_ms", type: "REAL", says: "milliseconds in all", of: (call) => call.total_ms },
  {
    name: "bytes_in",
    type: "INTEGER",
    says: "bytes of the request's body",
    of: (call) => call.bytes_received,
  },
  {
    name: "bytes_out",
    type: "INTEGER",
    says: "bytes of the answer's body",
    of: (call) => call.bytes,
  },
  {
    name: "events",
    type: "INTEGER",
    says: "events of a stream, where they were counted",
    of: (call) => call.events,
  },
  {
    name: "tokens_in",
    type: "INTEGER",
    says: "input tokens, where the answer says",
    of: (call) => call.tokens?.input ?? null,
  },
  {
    name: "tokens_out",
    type: "INTEGER",
    says: "output tokens",
    of: (call) => call.tokens?.output ?? null,
  },
  {
    name: "tokens_cached",
    type: "INTEGER",
    says: "input tokens of a cache",
    of: (call) => call.tokens?.cached ?? null,
  },
];

/** The values of a call, in the order of the columns. */
export function valuesOf(call: RequestRecord): Value[] {
  return COLUMNS.map(({ of }) => of(call));
}

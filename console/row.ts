/** One request as the console keeps it, and the row that it makes. */
import type { PolicyCheck } from "../policy/mod.ts";
import { redactedTarget, type RequestRecord, type Tokens } from "../service/mod.ts";
import type { UpstreamExchange } from "../upstream/mod.ts";
import type { ConsoleRequest } from "./request.ts";
import type { Tapped } from "./tapped.ts";

/** Everything that was heard of one request so far. */
export interface Row {
  readonly id: string;
  readonly time: string;
  check?: PolicyCheck | undefined;
  /** One for each attempt, oldest first. */
  readonly exchanges: UpstreamExchange[];
  record?: RequestRecord | undefined;
  tapped?: Tapped | undefined;
  /** Number of the last change. */
  seq: number;
  /** State of a running exchange at the last look. */
  seen: string;
}

/** Marks a request that the console sent again; the rest is the id of the first one. */
export const REPLAY_PREFIX = "replay-";

/** Returns the row that a page shows. */
export function rowOf(row: Row): ConsoleRequest {
  const { id, time, check, record, tapped } = row;
  const exchange = row.exchanges.at(-1);
  const times = eventTimes(row);
  return {
    id,
    state: stateOf(row),
    time: record?.time ?? time,
    method: record?.method ?? check?.method ?? exchange?.method ?? "",
    path: redactedTarget(record?.path ?? check?.path ?? exchange?.target ?? ""),
    tenant: record?.tenant ?? check?.tenant ?? "",
    key: record?.key ?? check?.key ?? "",
    model: record?.model ?? exchange?.model ?? tapped?.model ?? "",
    decision: record?.decision ?? check?.decision ?? "",
    reason: record?.reason ?? (check?.code || check?.rule) ?? "",
    status: record?.status ?? exchange?.status ?? tapped?.status ?? check?.status ?? 0,
    first_byte_ms: record?.first_byte_ms ?? null,
    total_ms: record?.total_ms ?? null,
    bytes: record?.bytes ?? exchange?.bytesWritten ?? null,
    events: Math.max(exchange?.events ?? record?.events ?? 0, tapped?.events.length ?? 0),
    tokens: record?.tokens ?? tokensOf(exchange) ?? tapped?.tokens ?? null,
    events_per_second: paceOf(times),
    host: record?.host ?? "",
    attempts: Math.max(record?.attempts ?? 0, row.exchanges.length),
    ended: record?.ended ?? "",
    replay_of: replayed(id),
  };
}

/** When events passed: as the upstream sent them, or as the tap saw them. */
export function eventTimes({ exchanges, tapped }: Row): readonly number[] {
  const sent = exchanges.at(-1)?.eventTimes ?? [];
  return sent.length > 0 ? sent : tapped?.events.map(({ at }) => at) ?? [];
}

function stateOf({ check, exchanges, record, tapped }: Row): ConsoleRequest["state"] {
  const exchange = exchanges.at(-1);
  if (record !== undefined) {
    return record.decision === "deny" || record.decision === "error" ? "denied" : "done";
  }
  if (exchange?.end !== undefined) return "done";
  if (exchange !== undefined && exchange.events > 0) return "streaming";
  if (tapped !== undefined && tapped.events.length > 0) return "streaming";
  if (exchange !== undefined || tapped !== undefined) return "waiting";
  if (check?.decision === "deny" || check?.decision === "error") return "denied";
  return check?.decision === undefined ? "deciding" : "waiting";
}

function tokensOf(exchange: UpstreamExchange | undefined): Tokens | undefined {
  if (exchange?.usage === undefined) return undefined;
  const { input, output, cached } = exchange.usage;
  return { input, output, cached };
}

/** Events per second between the first and the last; null where there are not two moments. */
function paceOf(times: readonly number[]): number | null {
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return times.length < 2 || span < 1 ? null : Math.round((times.length - 1) / span * 10_000) / 10;
}

function replayed(id: string): string {
  return id.startsWith(REPLAY_PREFIX)
    ? id.slice(REPLAY_PREFIX.length).replace(/-[0-9a-f]{8}$/, "")
    : "";
}

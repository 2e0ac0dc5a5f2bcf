/** Faults of a model server that a person switches on: for every request, or for those of one tenant. */
import type { ScenarioAnswer } from "./scripts/scenario_schema.ts";

/** A fault that is on. */
export interface UpstreamFault {
  readonly name: UpstreamFaultName;
  /** Value of `x-tenant` of the requests that it is for; all of them when left out. */
  readonly tenant?: string | undefined;
}

/** A wait that a person notices, and no client's patience. */
const SLOW_MS = 5_000;

/** Every fault, and what answers in its place. */
export const UPSTREAM_FAULTS = {
  "slow-first-token": { kind: "made", pace: { ttft: SLOW_MS } },
  "stall": { kind: "made", breakOff: { abort: "hang" } },
  "cut": { kind: "made", breakOff: { abort: "rst" } },
  "no-done": { kind: "made", breakOff: { abort: "end", after: -1 } },
  "rate-limited": {
    kind: "error",
    status: 429,
    init: { message: "The model server has too much to do: a fault is on" },
  },
  "server-error": {
    kind: "error",
    status: 500,
    init: { message: "The model server failed: a fault is on" },
  },
} as const satisfies Record<string, ScenarioAnswer>;

/** Name of a fault. */
export type UpstreamFaultName = keyof typeof UPSTREAM_FAULTS;

/** Returns what answers a request in place of everything else; undefined when no fault is for it. */
export function faultAnswer(
  fault: UpstreamFault | undefined,
  header: (name: string) => string | undefined,
): ScenarioAnswer | undefined {
  if (fault === undefined) return undefined;
  if (fault.tenant !== undefined && header("x-tenant") !== fault.tenant) return undefined;
  return UPSTREAM_FAULTS[fault.name];
}

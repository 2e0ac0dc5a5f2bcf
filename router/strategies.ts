/** Load strategies: which of the hosts that serve a model takes the request. */
import { createHash } from "node:crypto";
import type { BackendHost } from "./hosts.ts";

/** Every strategy, by the name that `--routing-logic` takes. */
export const ROUTING_LOGICS = [
  "round_robin",
  "random",
  "least_outstanding_requests",
  "session",
] as const;

export type RoutingLogic = typeof ROUTING_LOGICS[number];

/** What a strategy may know beside the hosts. */
export interface Situation {
  /** Requests that a host has not answered to the last byte. */
  outstanding(endpoint: string): number;
  /** The request's session; undefined without one. */
  readonly session?: string | undefined;
  /** The members of a JSON body; none for other requests. */
  readonly members: Readonly<Record<string, unknown>>;
  /** Which hosts these are, so that each model's turn goes round by itself. */
  readonly group: string;
}

/** Picks one of at least one host. */
export type Strategy = (hosts: readonly BackendHost[], situation: Situation) => BackendHost;

/** Returns a strategy; `random` gives a number in 0..1, for tests. */
export function strategyOf(logic: RoutingLogic, random: () => number = Math.random): Strategy {
  const turns = roundRobin();
  switch (logic) {
    case "round_robin":
      return turns;
    case "random":
      return (hosts) => hosts[Math.floor(random() * hosts.length)] as BackendHost;
    case "least_outstanding_requests":
      return (hosts, situation) => {
        const counts = hosts.map(({ endpoint }) => situation.outstanding(endpoint));
        const least = Math.min(...counts);
        // Among equals in turn, or the first of them would take every request of a quiet hour.
        return turns(hosts.filter((_, index) => counts[index] === least), situation);
      };
    case "session":
      return (hosts, situation) =>
        situation.session === undefined
          ? turns(hosts, situation)
          : stickiest(hosts, situation.session);
  }
}

function roundRobin(): Strategy {
  const next = new Map<string, number>();
  return (hosts, { group }) => {
    const turn = next.get(group) ?? 0;
    next.set(group, turn + 1);
    return hosts[turn % hosts.length] as BackendHost;
  };
}

/**
 * Rendezvous hashing (Thaler and Ravishankar, 1998): when a host goes, only its own sessions move,
 * and every replica of the router agrees without talking.
 */
function stickiest(hosts: readonly BackendHost[], session: string): BackendHost {
  const weight = ({ endpoint }: BackendHost) =>
    createHash("sha256").update(`${endpoint}\0${session}`).digest("hex");
  return hosts.map((host) => ({ host, weight: weight(host) }))
    .reduce((best, one) => one.weight > best.weight ? one : best).host;
}

/** Load strategies: which of the hosts that serve a model takes the request. */
import { createHash } from "node:crypto";
import type { BackendHost } from "../hosts.ts";
import { PrefixIndex } from "./prefix_index.ts";
import { promptPieces } from "./prompt.ts";

/** Every strategy, by the name that `--routing-logic` takes. */
export const ROUTING_LOGICS = [
  "round_robin",
  "random",
  "least_outstanding_requests",
  "power_of_two",
  "session",
  "prefix_aware",
  "kv_aware",
] as const;

export type RoutingLogic = typeof ROUTING_LOGICS[number];

/** An engine's own figures, and how much was sent to it since. */
export interface EngineLoad {
  /** Requests that wait for a place in the batch. */
  readonly waiting: number;
  /** Requests in the batch. */
  readonly running: number;
  /** Share of the KV cache that is in use, 0..1. */
  readonly kvCacheUsage: number;
  /** Requests that the router sent there after the engine spoke. */
  readonly sentSince: number;
}

/** Facts for a strategy beside the hosts. */
export interface Situation {
  /** Requests that a host has not answered to the last byte. */
  outstanding(endpoint: string): number;
  /** The engine's own numbers; undefined where it gives none, or none lately. */
  engine?(endpoint: string): EngineLoad | undefined;
  /** The request's session; undefined without one. */
  readonly session?: string | undefined;
  /** The members of a JSON body; none for other requests. */
  readonly members: Readonly<Record<string, unknown>>;
  /** Which hosts these are, so that each model's turn goes round by itself. */
  readonly group: string;
}

/** Picks one of at least one host. */
export interface Strategy {
  (hosts: readonly BackendHost[], situation: Situation): BackendHost;
  /**
   * All of the hosts, where which comes next when one takes no connection is part of the strategy;
   * undefined where it is not.
   */
  order?(
    hosts: readonly BackendHost[],
    situation: Situation,
  ): readonly BackendHost[] | undefined;
}

/** Makes a strategy from its two means: a turn, and chance. */
type Maker = (turns: Strategy, random: () => number) => Strategy;

const MAKERS: Readonly<Record<RoutingLogic, Maker>> = {
  round_robin: (turns) => turns,
  random: (_, random) => (hosts) => hosts[drawn(hosts.length, random)] as BackendHost,
  least_outstanding_requests: leastOutstanding,
  power_of_two: (_, random) => powerOfTwo(random),
  session: sticky,
  prefix_aware: prefixAware,
  kv_aware: kvAware,
};

/** Returns a strategy; `random` gives a number in 0..1, for tests. */
export function strategyOf(logic: RoutingLogic, random: () => number = Math.random): Strategy {
  return MAKERS[logic](roundRobin(), random);
}

function roundRobin(): Strategy {
  const next = new Map<string, number>();
  return (hosts, { group }) => {
    const turn = next.get(group) ?? 0;
    next.set(group, turn + 1);
    return hosts[turn % hosts.length] as BackendHost;
  };
}

/** Among equals in turn, or the first of them would take every request of a quiet hour. */
function leastOf(turns: Strategy, load: (host: BackendHost, situation: Situation) => number) {
  return (hosts: readonly BackendHost[], situation: Situation): BackendHost => {
    const loads = hosts.map((host) => load(host, situation));
    const least = Math.min(...loads);
    return turns(hosts.filter((_, index) => loads[index] === least), situation);
  };
}

function leastOutstanding(turns: Strategy): Strategy {
  return leastOf(turns, ({ endpoint }, { outstanding }) => outstanding(endpoint));
}

/**
 * The less busy of two drawn hosts (Mitzenmacher, "The power of two choices", 2001): nearly as good
 * as the least busy of all, and many routers that count alone do not all run to the same host.
 */
function powerOfTwo(random: () => number): Strategy {
  return (hosts, { outstanding }) => {
    const first = drawn(hosts.length, random);
    const other = drawn(hosts.length - 1, random);
    const [a, b] = [hosts[first], hosts[other < first ? other : other + 1]];
    if (b === undefined) return a as BackendHost;
    return outstanding(b.endpoint) < outstanding((a as BackendHost).endpoint)
      ? b
      : a as BackendHost;
  };
}

/**
 * Rendezvous hashing (Thaler and Ravishankar, 1998): when a host goes, only its own sessions move,
 * and every replica of the router agrees without talking. Envoy tries the hosts in the same order,
 * so that a session whose host is dead is at its next one from the first request on.
 */
function sticky(turns: Strategy): Strategy {
  const pick: Strategy = (hosts, situation) =>
    situation.session === undefined
      ? turns(hosts, situation)
      : byWeight(hosts, situation.session)[0] as BackendHost;
  const order: Strategy["order"] = (hosts, { session }) =>
    session === undefined ? undefined : byWeight(hosts, session);
  return Object.assign(pick, { order });
}

/** Returns the hosts in the order of their hashes with a session, which no other host changes. */
export function byWeight(hosts: readonly BackendHost[], session: string): readonly BackendHost[] {
  return hosts.map((host) => ({ host, weight: hashOf(host.endpoint, session) }))
    .sort((a, b) => a.weight < b.weight ? 1 : -1)
    .map(({ host }) => host);
}

function hashOf(endpoint: string, session: string): string {
  return createHash("sha256").update(`${endpoint}\0${session}`).digest("hex");
}

/** Bits of a hash that become a number. */
const SHARE_BITS = 48;

/** Where a session stands among all sessions of a host, 0..1: always the same. */
export function placeOf(endpoint: string, session: string): number {
  const digits = hashOf(session, endpoint).slice(0, SHARE_BITS / 4);
  return parseInt(digits, 16) / 2 ** SHARE_BITS;
}

/** How many requests more than the least busy host one may have, and still be sent its prefixes. */
const PREFIX_SLACK = 4;

/**
 * The host that saw the longest beginning of this prompt, as its KV cache may still hold it; the
 * least busy one for a prompt that nobody saw or of which all share the beginning, and when the
 * others have fallen too far behind.
 */
function prefixAware(turns: Strategy): Strategy {
  const index = new PrefixIndex();
  const leastBusy = leastOutstanding(turns);
  return (hosts, situation) => {
    const { outstanding, members, group } = situation;
    const chain = index.chain(group, promptPieces(members));
    const least = Math.min(...hosts.map(({ endpoint }) => outstanding(endpoint)));
    const light = hosts.filter(({ endpoint }) => outstanding(endpoint) <= least + PREFIX_SLACK);
    const holders = index.holders(chain, new Set(light.map(({ endpoint }) => endpoint)));
    const warm = light.filter(({ endpoint }) => holders.has(endpoint));
    const host = leastBusy(warm.length > 0 ? warm : hosts, situation);
    index.record(chain, host.endpoint);
    return host;
  };
}

/** From here on an engine preempts requests, or lets new ones wait (vLLM, "Preemption"). */
const KV_FULL = 0.9;

/**
 * The engine with the fewest requests waiting and running, by its own count: it also knows of those
 * that others sent. One whose KV cache is full comes last; one that gives no numbers is judged by
 * what this router sent it.
 */
function kvAware(turns: Strategy): Strategy {
  const leastLoaded = leastOf(turns, ({ endpoint }, { engine, outstanding }) => {
    const load = engine?.(endpoint);
    if (load === undefined) return outstanding(endpoint);
    return load.waiting + load.running + load.sentSince;
  });
  return (hosts, situation) => {
    const roomy = hosts.filter(({ endpoint }) => {
      const load = situation.engine?.(endpoint);
      return load === undefined || load.kvCacheUsage < KV_FULL;
    });
    return leastLoaded(roomy.length > 0 ? roomy : hosts, situation);
  };
}

function drawn(count: number, random: () => number): number {
  return Math.floor(random() * count);
}

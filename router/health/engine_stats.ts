/** Load of a vLLM engine, read from its `/metrics`. */
import type { EngineLoad } from "../strategies/strategies.ts";

/** One reading of an engine. */
export type EngineStats = Omit<EngineLoad, "sentSince">;

/** vLLM's gauges (its documentation, "Production metrics"); the cache's has had two names. */
const GAUGES = {
  waiting: ["vllm:num_requests_waiting"],
  running: ["vllm:num_requests_running"],
  kvCacheUsage: ["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"],
} as const;

/** `name{labels} value`, perhaps with a time (Prometheus' text format). */
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{.*\})?\s+(\S+)/;

/**
 * Reads the gauges of a Prometheus text; requests are summed over the engines of one server, and of
 * their caches the fullest counts. Undefined when it does not say how many requests there are.
 */
export function parseEngineStats(text: string): EngineStats | undefined {
  const values = new Map<string, number[]>();
  for (const line of text.split("\n")) {
    const [, name, written] = SAMPLE.exec(line) ?? [];
    const value = Number(written);
    if (name === undefined || !Number.isFinite(value)) continue;
    values.set(name, [...values.get(name) ?? [], value]);
  }
  const of = (names: readonly string[]) => names.map((name) => values.get(name)).find(Boolean);
  const sum = (list: readonly number[]) => list.reduce((total, value) => total + value, 0);
  const waiting = of(GAUGES.waiting);
  const running = of(GAUGES.running);
  if (waiting === undefined || running === undefined) return undefined;
  return {
    waiting: sum(waiting),
    running: sum(running),
    kvCacheUsage: Math.max(0, ...of(GAUGES.kvCacheUsage) ?? []),
  };
}

/** How many readings may fail in a row before the last one is too old to go by. */
const MISSED = 3;

/** The last reading of each engine, and what was sent there since. */
export class EngineBook {
  readonly #pages = new Map<string, { stats: EngineStats; sent: number; missed: number }>();

  /** Notes a reading; undefined for one that failed. */
  read(endpoint: string, stats: EngineStats | undefined): void {
    const page = this.#pages.get(endpoint);
    if (stats !== undefined) this.#pages.set(endpoint, { stats, sent: 0, missed: 0 });
    else if (page !== undefined && ++page.missed >= MISSED) this.#pages.delete(endpoint);
  }

  /** Notes that a request was sent there. */
  sent(endpoint: string): void {
    const page = this.#pages.get(endpoint);
    if (page !== undefined) page.sent++;
  }

  /** The load of an engine; undefined when it did not say, or not lately. */
  load(endpoint: string): EngineLoad | undefined {
    const page = this.#pages.get(endpoint);
    return page && { ...page.stats, sentSince: page.sent };
  }

  /** Forgets every engine but these. */
  retain(endpoints: ReadonlySet<string>): void {
    for (const endpoint of this.#pages.keys()) {
      if (!endpoints.has(endpoint)) this.#pages.delete(endpoint);
    }
  }
}

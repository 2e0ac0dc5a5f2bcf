/** Load of the hosts, under the names that the vLLM router's dashboards and autoscalers ask for. */
import { Gauge, type Registry } from "prom-client";
import type { EngineLoad } from "./strategies/strategies.ts";

/** One host at one moment. */
export interface HostLoad {
  /** Requests that this router sent there and that are not over. */
  readonly outstanding: number;
  /** Whether it may be chosen. */
  readonly healthy: boolean;
  /** The engine's own figures; undefined where they are not read, or are missing. */
  readonly engine: EngineLoad | undefined;
}

/** A gauge, and where it is read; nothing is shown of what nobody said. */
const GAUGES: readonly {
  readonly name: string;
  readonly help: string;
  readonly read: (load: HostLoad) => number | undefined;
}[] = [
  {
    name: "vllm:num_requests_running",
    help: "Requests that this router has running on a host",
    read: ({ outstanding }) => outstanding,
  },
  {
    name: "vllm:healthy_pods_total",
    help: "1 for a host that may be chosen",
    read: ({ healthy }) => healthy ? 1 : 0,
  },
  {
    name: "vllm:num_requests_waiting",
    help: "Requests that wait within the engine, as it said last",
    read: ({ engine }) => engine?.waiting,
  },
  {
    name: "vllm:kv_cache_usage_perc",
    help: "How full the engine's cache is, 0 to 1, as it said last",
    read: ({ engine }) => engine?.kvCacheUsage,
  },
];

/** The gauges of one router, by `server`: the host's URL, as the vLLM router names it. */
export class VllmGauges {
  readonly #gauges: readonly Gauge[];

  constructor(registry: Registry) {
    this.#gauges = GAUGES.map(({ name, help }) =>
      new Gauge({ name, help, labelNames: ["server"], registers: [registry] })
    );
  }

  /** Shows these hosts, and no others. */
  show(loads: ReadonlyMap<string, HostLoad>): void {
    for (const [index, gauge] of this.#gauges.entries()) {
      gauge.reset();
      for (const [server, load] of loads) {
        const value = GAUGES[index]?.read(load);
        if (value !== undefined) gauge.set({ server }, value);
      }
    }
  }
}

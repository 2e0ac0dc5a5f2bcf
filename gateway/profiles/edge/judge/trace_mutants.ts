/** Gateways of the profile `edge` whose traces are wrong on purpose, one defect each. */
import type { Config } from "../../../../mutants/mod.ts";
import type { EdgeMutant } from "./mutants.ts";

/** The connection managers that trace. */
function traced({ static_resources: { listeners } }: Config): Config[] {
  return listeners.map(({ filter_chains: [{ filters: [{ typed_config }] }] }: Config) =>
    typed_config
  ).filter(({ tracing }: Config) => tracing !== undefined);
}

export const TRACE_MUTANTS: readonly EdgeMutant[] = [
  {
    id: "trace-without-attempts",
    defect: "attempts at upstreams are no spans",
    kills: ["trace.child-span", "trace.context-kept"],
    edit: (config) => traced(config).forEach(({ tracing }) => tracing.spawn_upstream_span = false),
  },
  {
    id: "trace-with-queries",
    defect: "spans have the whole URL",
    kills: ["trace.no-secret"],
    edit(config) {
      for (const { tracing } of traced(config)) {
        tracing.custom_tags = tracing.custom_tags.filter(({ tag }: Config) => tag !== "http.url");
      }
    },
  },
  {
    id: "trace-without-logs",
    defect: "log records do not reach the collector",
    kills: ["trace.log-joined"],
    edit(config) {
      for (const manager of traced(config)) manager.access_log = manager.access_log.slice(0, 1);
    },
  },
  {
    id: "trace-asks-first",
    defect: "a request waits for the collector's word",
    kills: ["trace.collector-down-harmless"],
    edit(config) {
      for (const { http_filters } of traced(config)) {
        const limits = http_filters.find(({ name }: Config) => name.endsWith(".ratelimit"));
        limits.typed_config.rate_limit_service.grpc_service.envoy_grpc.cluster_name = "collector";
        // Anything but no answer is good enough for it.
        limits.typed_config.status_on_error = { code: "ServiceUnavailable" };
      }
    },
  },
];

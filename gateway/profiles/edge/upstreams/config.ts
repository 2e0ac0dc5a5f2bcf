/** Traffic to several upstreams in the profile's configuration: clusters, routes, what the log and the client are told. */
import { createHash } from "node:crypto";
import type { EnvoyConfigFile } from "../../../../envoy/mod.ts";
import { parseUpstreamUrl } from "../../../mod.ts";
import { CLIENT_CREDENTIALS, CLIENT_PATH, identityFilters } from "./identity.ts";
import {
  allUpstreams,
  isPlain,
  type Lane,
  lanesOf,
  nameOf,
  pathPrefixOf,
  type Traffic,
  type TrafficUpstream,
  VARIANT_HEADER,
} from "./traffic.ts";

// deno-lint-ignore no-explicit-any -- a configuration is edited at known places; Envoy validates it
type Config = any;

const EXTENSIONS = "type.googleapis.com/envoy.extensions";
const HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/** Bytes of a request that are kept for the next attempt: those of the router profile's longest body. */
const KEPT_BODY = 8_388_608;
/** Failed answers in a row after which an upstream is left out for a while, and for how long; Envoy's defaults. */
const OUTLIER = { consecutive_5xx: 5, base_ejection_time: "30s", interval: "5s" };
/** Seconds between two questions after health; a sick upstream is noticed at the second. */
const HEALTH = { interval: "5s", timeout: "2s", unhealthy_threshold: 2, healthy_threshold: 1 };
/** Longest `retry-after` that one upstream alone is waited for. */
const LONGEST_WAIT = "5s";
/** Retries at a time: as many as the profile lets requests be. */
const RETRIES = 65_536;
/** Requests that a mirror may have in flight; beyond them no copies are made. */
const MIRRORED = 256;
/** A mirror's answer is read to its end, but not for ever. */
const LONGEST_MIRRORED = "600s";

/** Cluster of the mirror. */
export const MIRROR_CLUSTER = "mirror";

/** Returns the configuration with its traffic: the file itself where there is nothing to add. */
export function withTraffic(file: EnvoyConfigFile, traffic: Traffic): EnvoyConfigFile {
  if (isPlain(traffic)) return file;
  const bootstrap: Config = structuredClone(file.bootstrap);
  const { listeners, clusters } = bootstrap.static_resources;
  const at = clusters.findIndex(({ name }: Config) => name === "upstream");
  const [plain] = clusters.splice(at, 1);
  clusters.push(
    ...lanesOf(traffic).map((lane) => laneCluster(plain, lane, traffic)),
    ...(traffic.mirror === undefined ? [] : [mirrorCluster(plain, traffic.mirror)]),
  );
  const hasPaths = allUpstreams(traffic).some((one) => pathPrefixOf(one) !== "");
  for (const { filter_chains: [{ filters: [{ typed_config: manager }] }] } of listeners) {
    setRoutes(manager.route_config.virtual_hosts, traffic);
    setLog(manager.access_log);
    if (hasPaths) keepClientPath(manager);
    setReplies(manager.local_reply_config.mappers);
  }
  const text = `${JSON.stringify(bootstrap, null, 2)}\n`;
  return {
    name: `${file.name} with ${summaryOf(traffic)}`,
    text,
    sha256: createHash("sha256").update(text).digest("hex"),
    bootstrap,
  };
}

function summaryOf(traffic: Traffic): string {
  const count = traffic.upstreams.length;
  return [
    count === 1 ? "an upstream of its own settings" : `${count} upstreams`,
    ...(traffic.canary === undefined ? [] : ["a canary"]),
    ...(traffic.variants?.length ? [`${traffic.variants.length} variants`] : []),
    ...(traffic.mirror === undefined ? [] : ["a mirror"]),
  ].join(", ");
}

/** One cluster for each lane: its upstreams are priorities, so that one that is known to be sick is not even asked. */
function laneCluster(plain: Config, { cluster: name, order }: Lane, traffic: Traffic): Config {
  const all = allUpstreams(traffic);
  const cluster = named(plain, name);
  cluster.load_assignment.endpoints = order.map((index, priority) => ({
    priority,
    lb_endpoints: replicasOf(plain, { upstream: all[index], index, traffic }),
  }));
  const hosts = cluster.load_assignment.endpoints.flatMap((one: Config) => one.lb_endpoints).length;
  const upstreams = new Map(
    order.map((index) => [String(index), all[index]] as const)
      .filter((one): one is readonly [string, TrafficUpstream] => one[1] !== undefined),
  );
  cluster.typed_extension_protocol_options[HTTP].http_filters = identityFilters(upstreams, {
    dropCredentials: all.some(({ key }) => key !== undefined),
  });
  // Envoy's default of 3 retries at a time would end fallback exactly when many requests need it.
  cluster.circuit_breakers.thresholds[0].max_retries = RETRIES;
  // Whoever is sick gets nothing; when all are, the answer is 503 at once, and not a guess.
  cluster.common_lb_config = { healthy_panic_threshold: { value: 0 } };
  // The last one is never left out.
  if (hosts > 1) {
    cluster.outlier_detection = {
      ...OUTLIER,
      max_ejection_percent: Math.floor(100 * (hosts - 1) / hosts),
    };
  }
  if (traffic.affinity !== undefined) cluster.lb_policy = "MAGLEV";
  if (traffic.maxInFlight !== undefined) {
    cluster.circuit_breakers.thresholds[0].max_requests = traffic.maxInFlight;
  }
  if (traffic.healthPath !== undefined) cluster.health_checks = [healthCheck(traffic.healthPath)];
  if (traffic.hedge && traffic.firstByteMs !== undefined) {
    // Attempts that run side by side share their headers until they are written: each must be connected, or have
    // failed, before the next one sets its own key.
    cluster.connect_timeout = duration(Math.min(1_000, Math.floor(traffic.firstByteMs / 2)));
  }
  return cluster;
}

function mirrorCluster(plain: Config, mirror: TrafficUpstream): Config {
  const cluster = named(plain, MIRROR_CLUSTER);
  cluster.load_assignment.endpoints = [{
    lb_endpoints: replicasOf(plain, { upstream: mirror, index: 0, traffic: undefined }),
  }];
  const options = cluster.typed_extension_protocol_options[HTTP];
  options.http_filters = identityFilters(new Map([["0", mirror]]), { dropCredentials: true });
  options.common_http_protocol_options.max_stream_duration = LONGEST_MIRRORED;
  cluster.circuit_breakers.thresholds = [{
    max_connections: MIRRORED,
    max_pending_requests: MIRRORED,
    max_requests: MIRRORED,
  }];
  return cluster;
}

function named(plain: Config, name: string): Config {
  const cluster = structuredClone(plain);
  cluster.name = name;
  cluster.load_assignment.cluster_name = name;
  return cluster;
}

/** The endpoints of one upstream. Where they are is set at launch. */
function replicasOf(
  plain: Config,
  { upstream, index, traffic }: {
    upstream: TrafficUpstream | undefined;
    index: number;
    traffic: Traffic | undefined;
  },
): Config[] {
  const [{ lb_endpoints: [endpoint] }] = plain.load_assignment.endpoints;
  const replicas = upstream?.replicas ?? [];
  return Array.from({ length: Math.max(1, replicas.length) }, (_, number) => {
    const one = structuredClone(endpoint);
    const url = replicas[number]?.url;
    one.metadata.filter_metadata.llmgate = {
      upstream: String(index),
      ...(upstream !== undefined && { name: nameOf(upstream, index) }),
    };
    if (traffic?.healthPath !== undefined && url !== undefined) {
      one.endpoint.health_check_config = { hostname: parseUpstreamUrl(url).hostname };
    }
    return one;
  });
}

function healthCheck(path: string): Config {
  return { ...HEALTH, no_traffic_interval: HEALTH.interval, http_health_check: { path } };
}

function setRoutes(hosts: Config[], traffic: Traffic): void {
  for (const host of hosts) {
    host.routes = host.routes.flatMap((route: Config) =>
      route.route?.cluster === "upstream" ? laneRoutes(route, traffic) : [route]
    );
  }
}

/** A route for each variant, matched by its header, before the one that all others take. */
function laneRoutes(plain: Config, traffic: Traffic): Config[] {
  const { variants = [], canary } = traffic;
  const last = laneRoute(plain, traffic);
  if (canary !== undefined) {
    delete last.route.cluster;
    last.route.weighted_clusters = {
      clusters: [
        { name: "upstream", weight: 100 - canary.percent },
        { name: "canary", weight: canary.percent },
      ],
    };
  }
  return [
    ...variants.map(({ name }) => {
      const route = laneRoute(plain, traffic);
      route.name = `${plain.name}_${name}`;
      route.match.headers = [{ name: VARIANT_HEADER, string_match: { exact: name } }];
      route.route.cluster = `variant_${name}`;
      return route;
    }),
    last,
  ];
}

function laneRoute(plain: Config, traffic: Traffic): Config {
  const result = structuredClone(plain);
  const { route } = result;
  result.request_body_buffer_limit = KEPT_BODY;
  result.response_headers_to_add = [...(result.response_headers_to_add ?? []), attempts()];
  const retries = retryPolicy(traffic);
  if (retries !== undefined) route.retry_policy = retries;
  if (traffic.hedge) route.hedge_policy = { hedge_on_per_try_timeout: true };
  if (traffic.affinity !== undefined) {
    route.hash_policy = [{ header: { header_name: traffic.affinity } }];
  }
  if (traffic.mirror !== undefined) {
    const url = traffic.mirror.replicas[0]?.url;
    route.request_mirror_policies = [{
      cluster: MIRROR_CLUSTER,
      disable_shadow_host_suffix_append: true,
      ...(url !== undefined && { host_rewrite_literal: parseUpstreamUrl(url).hostname }),
      // The cluster's filters take them away as well: what is not copied cannot be forgotten.
      request_headers_mutations: CLIENT_CREDENTIALS.map((remove) => ({ remove })),
    }];
  }
  return result;
}

function retryPolicy(traffic: Traffic): Config | undefined {
  const hosts = Math.max(...lanesOf(traffic).map(({ order }) => order.length));
  const tries = traffic.attempts ?? hosts;
  const perTry = traffic.firstByteMs === undefined
    ? {}
    : { per_try_timeout: duration(traffic.firstByteMs) };
  if (tries < 2) {
    return traffic.firstByteMs === undefined ? undefined : { num_retries: 0, ...perTry };
  }
  const statuses = traffic.fallbackOn.filter((one) => /^\d/.test(one));
  const words: string[] = traffic.fallbackOn.flatMap((one) =>
    one === "refused" ? ["connect-failure", "refused-stream"] : one === "reset" ? ["reset"] : []
  );
  const replicas = allUpstreams(traffic).some((one) => one.replicas.length > 1);
  return {
    retry_on: [...words, ...(statuses.length > 0 ? ["retriable-headers"] : [])].join(","),
    ...(statuses.length > 0 && {
      retriable_headers: statuses.map((status) => ({
        name: ":status",
        string_match: status.endsWith("xx") ? { prefix: status.slice(0, -2) } : { exact: status },
      })),
    }),
    num_retries: tries - 1,
    ...perTry,
    ...(hosts > 1 ? nextUpstream() : sameUpstream()),
    ...(replicas && {
      retry_host_predicate: [{
        name: "envoy.retry_host_predicates.previous_hosts",
        typed_config: {
          "@type": `${EXTENSIONS}.retry.host.previous_hosts.v3.PreviousHostsPredicate`,
        },
      }],
      host_selection_retry_max_attempts: "3",
    }),
  };
}

/** Somebody else is asked next: nothing is gained by waiting. */
function nextUpstream(): Config {
  return {
    retry_back_off: { base_interval: "0.001s", max_interval: "0.001s" },
    retry_priority: {
      name: "envoy.retry_priorities.previous_priorities",
      typed_config: {
        "@type": `${EXTENSIONS}.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig`,
        update_frequency: 1,
      },
    },
  };
}

/** The same one is asked again: when it says, or after a while. */
function sameUpstream(): Config {
  return {
    retry_back_off: { base_interval: "0.25s", max_interval: LONGEST_WAIT },
    rate_limited_retry_back_off: {
      reset_headers: [{ name: "retry-after", format: "SECONDS" }],
      max_interval: LONGEST_WAIT,
    },
  };
}

function attempts(): Config {
  return {
    header: { key: "x-llm-attempts", value: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%" },
    append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
  };
}

/** The log says who was asked, and who answered. */
function setLog(logs: Config[]): void {
  for (const { typed_config } of logs) {
    const fields = typed_config.log_format?.json_format;
    if (fields === undefined) continue;
    fields.upstream = "%UPSTREAM_METADATA(llmgate:name)%";
    fields.upstream_tried = "%UPSTREAM_HOSTS_ATTEMPTED%";
  }
}

/** Log and limits go on to see the path that the client sent. */
function keepClientPath(manager: Config): void {
  for (const { typed_config } of manager.access_log) {
    const fields = typed_config.log_format?.json_format;
    if (fields?.path !== undefined) fields.path = CLIENT_PATH;
  }
  for (const { typed_config: { rate_limits = [] } } of manager.http_filters) {
    for (const { generic_key } of rate_limits.flatMap(({ actions = [] }: Config) => actions)) {
      if (generic_key?.descriptor_key === "path") generic_key.descriptor_value = CLIENT_PATH;
    }
  }
}

/** Where no upstream answered, Envoy does; the client learns how often it asked. */
function setReplies(mappers: Config[]): void {
  for (const mapper of mappers) {
    if (!mapper.filter.response_flag_filter?.flags.includes("UF")) continue;
    mapper.headers_to_add = [...(mapper.headers_to_add ?? []), attempts()];
  }
}

function duration(ms: number): string {
  return `${ms / 1_000}s`;
}

/** Streams: nothing may cut, hold back or repeat them. */
import {
  type FilterOnRoute,
  flagOf,
  HTTP_OPTIONS,
  isObject,
  type Json,
  type JsonObject,
  type LintModel,
  objectsAt,
  type Placed,
  type Route,
  seconds,
  valueAt,
} from "../envoy/mod.ts";
import { buffersBodies } from "./lua.ts";
import { filters, forwarding, type Hit, type LintRule } from "./rule.ts";

/** Envoy's default route timeout (RouteAction.timeout). */
const DEFAULT_ROUTE_TIMEOUT = "15s";
/** Envoy's default idle timeout of a stream (HttpConnectionManager.stream_idle_timeout). */
const DEFAULT_STREAM_IDLE = "300s";

/** Retry conditions under which the upstream cannot have seen the request (router filter docs). */
const SAFE_RETRIES = new Set(["connect-failure", "refused-stream", "reset-before-request"]);

/** Streams: nothing may cut, hold back or repeat them. */
export const STREAM_RULES: readonly LintRule[] = [
  {
    id: "stream.route-timeout",
    severity: "error",
    why: "Envoy cuts every answer that is not complete in time, streams included: 15 s by default",
    fix: "set `timeout: 0s` on the route",
    case: "sse.idle-20s",
    also: ["sse.slow-ttft", "lim.stream-exempt"],
    source: "RouteAction.timeout",
    check: (model) =>
      forwarding(model).flatMap(({ route }) => {
        const timeout = valueAt(route.value, "route/timeout") ?? DEFAULT_ROUTE_TIMEOUT;
        const tries = perTry(route, model, "per_try_timeout");
        if (seconds(timeout) === 0) return tries;
        return [...tries, {
          ...hit(route, "route/timeout", `route ${route.match} ends every stream after ${timeout}`),
          case: caseOfLimit(seconds(timeout), "sse.total-75s", 75),
        }];
      }),
  },
  {
    id: "stream.idle-timeout",
    severity: "error",
    why: "a model that thinks longer than the idle timeout is cut off in silence: 5 min by default",
    fix:
      "set `idle_timeout: 0s` on the route, or `stream_idle_timeout: 0s` on the connection manager",
    case: "sse.idle-20s",
    also: ["sse.slow-ttft"],
    source: "RouteAction.idle_timeout, HttpConnectionManager.stream_idle_timeout",
    check: (model) =>
      forwarding(model).flatMap(({ ingress, route }) => {
        const idle = valueAt(route.value, "route/idle_timeout") ??
          ingress.value.stream_idle_timeout ?? DEFAULT_STREAM_IDLE;
        const tries = perTry(route, model, "per_try_idle_timeout");
        if (seconds(idle) === 0) return tries;
        return [...tries, {
          ...hit(
            route,
            "route/idle_timeout",
            `route ${route.match} ends a stream that is silent for ${idle}`,
          ),
          case: caseOfLimit(seconds(idle), "sse.idle-5min", 300),
        }];
      }),
  },
  {
    id: "stream.max-duration",
    severity: "error",
    why: "a cap on a stream's whole life cuts long answers, with a clean status",
    fix: "leave `max_stream_duration` away where streams pass",
    case: "sse.idle-20s",
    also: ["sse.total-75s"],
    source: "HttpProtocolOptions.max_stream_duration, RouteAction.max_stream_duration",
    check: (model) => [
      ...model.ingresses.flatMap((ingress) =>
        capped(ingress, "common_http_protocol_options/max_stream_duration")
      ),
      ...forwarding(model).flatMap(({ route }) =>
        capped(route, "route/max_stream_duration/max_stream_duration")
      ),
      ...[...model.clusters]
        .filter(([name]) => !onlyMirrors(model).has(name))
        .flatMap(([, cluster]) => capped(cluster, durationOf(cluster))),
    ],
  },
  {
    id: "stream.request-timeout",
    severity: "warning",
    why: "it bounds the whole upload, and a slow client with large images loses it half way",
    fix: "leave `request_timeout` away; `request_headers_timeout` guards against slow heads",
    source: "HttpConnectionManager.request_timeout",
    check: (model) =>
      model.ingresses.flatMap((ingress) => capped(ingress, "request_timeout"))
        .map(({ path, found }) => ({ path, found })),
  },
  {
    id: "stream.buffered",
    severity: "error",
    why: "the filter collects a whole body before it passes any of it on",
    fix: "take the filter out of the chain, or disable it for the routes with streams",
    case: "sse.lockstep",
    source: "Buffer and file system buffer filters",
    check: (model) =>
      filters(model).flatMap((acting) => {
        const held = heldBodies(acting);
        if (held === undefined || servesBufferedProcessor(model, acting)) return [];
        const { filter, by } = acting;
        return [{
          path: by?.path ?? filter.path,
          found: `the filter "${filter.name}" buffers ${held.what}`,
          ...(held.case === undefined ? {} : { case: held.case }),
        }];
      }),
  },
  {
    id: "stream.compressed",
    severity: "warning",
    why: "a compressor holds events back until it has enough to compress",
    fix: "take `text/event-stream` out of the compressor's content types, or the filter out",
    case: "sse.no-compression",
    source: "Compressor.response_direction_config.common_config.content_type",
    check: (model) =>
      filters(model, "Compressor").filter((acting) => compressesStreams(acting, model)).map((
        { filter },
      ) => ({
        path: filter.path,
        found: `the filter "${filter.name}" compresses event streams`,
      })),
  },
  {
    id: "stream.ext-proc-buffered",
    severity: "error",
    why: "with a buffered response body the client sees nothing until the model has finished",
    fix: "use `response_body_mode: NONE`, STREAMED or FULL_DUPLEX_STREAMED",
    case: "sse.lockstep",
    source: "ProcessingMode.response_body_mode",
    check: (model) =>
      filters(model, "ExternalProcessor").flatMap(({ filter, config, pathOf }) => {
        const mode = String(valueAt(config, "processing_mode/response_body_mode") ?? "NONE");
        // A processor that only watches holds nothing back.
        if (!mode.startsWith("BUFFERED") || config.observability_mode === true) return [];
        const path = pathOf("processing_mode/response_body_mode");
        return [{ path, found: `"${filter.name}" buffers response bodies (${mode})` }];
      }),
  },
  {
    id: "stream.retry",
    severity: "error",
    why: "a POST that reached the model is sent again: it is billed twice, and answers twice",
    fix: "take the retry policy away, or retry only on connect-failure, refused-stream and " +
      "reset-before-request",
    case: "retry.post-not-blind",
    source: "RetryPolicy.retry_on",
    also: ["retry.reset-not-blind", "retry.never-mid-stream"],
    check: (model) => [
      ...forwarding(model).flatMap(({ route }) => unsafeRetries(route, model)),
      ...forwarding(model).flatMap(({ route }) => hedged(route)),
    ],
  },
];

/**
 * A request buffer right before a processor that wants request bodies whole holds nothing back
 * that would not be held anyway, and bounds it.
 */
function servesBufferedProcessor(model: LintModel, { filter }: FilterOnRoute): boolean {
  if (filter.type !== "Buffer") return false;
  const chain = model.ingresses.map((ingress) => ingress.filters)
    .find((filters) => filters.includes(filter)) ?? [];
  const next = chain[chain.indexOf(filter) + 1];
  return next?.type === "ExternalProcessor" &&
    valueAt(next.config, "processing_mode/request_body_mode") === "BUFFERED";
}

/** Behaviours of the file system buffer that hold a body back (BufferBehavior). */
const HOLDING = [
  "fully_buffer_and_always_inject_content_length",
  "fully_buffer",
  "inject_content_length_if_necessary",
];

/** The bodies that a filter holds back until they are whole. */
function heldBodies(
  { filter, config }: FilterOnRoute,
): { what: string; case?: string } | undefined {
  const request = { what: "request bodies", case: "contract.no-body-buffer" };
  const response = { what: "response bodies" };
  if (filter.type === "Buffer") return { ...request, what: "bodies" };
  if (filter.type === "FileSystemBufferFilterConfig") {
    const holds = (side: string) => {
      const behavior = valueAt(config, `${side}/behavior`);
      return isObject(behavior) && HOLDING.some((key) => behavior[key] !== undefined);
    };
    // Without a word on either side it streams; with one side, the other follows Envoy's default.
    return holds("response") ? response : holds("request") ? request : undefined;
  }
  if (filter.type === "AwsRequestSigning") {
    // The payload's hash is part of the signature, unless it is left out.
    return config.use_unsigned_payload === true ? undefined : request;
  }
  if (filter.type === "Lua") {
    const held = buffersBodies(config);
    return held === "response" ? response : held === "request" ? request : undefined;
  }
  return undefined;
}

function hit({ path }: Route, field: string, found: string): Hit {
  return { path: `${path}/${field}`, found };
}

/** Field of a cluster that ends its streams: without options of the extension, Envoy reads the deprecated field. */
function durationOf({ value }: Placed): string {
  const field = "common_http_protocol_options/max_stream_duration";
  return valueAt(value, HTTP_OPTIONS) === undefined ? field : `${HTTP_OPTIONS}/${field}`;
}

function capped({ path, value }: { path: string; value: Route["value"] }, field: string): Hit[] {
  const limit = valueAt(value, field);
  if ((seconds(limit) ?? 0) === 0) return [];
  return [{
    path: `${path}/${field}`,
    found: `it is ${limit}`,
    case: caseOfLimit(seconds(limit), "sse.total-75s", 75),
  }];
}

/** Envoy's default list holds no event stream; a list of one's own may. */
function compressesStreams({ config }: FilterOnRoute, { runtime }: LintModel): boolean {
  const enabled = valueAt(config, "response_direction_config/common_config/enabled") ??
    config.runtime_enabled;
  if (flagOf(enabled, runtime) === false) return false;
  const types = valueAt(config, "response_direction_config/common_config/content_type") ??
    config.content_type;
  return Array.isArray(types) && types.includes("text/event-stream");
}

/** The case that a limit on time fails: the MUST of 20 s, the longer one, or none that waits so long. */
function caseOfLimit(limit: number | undefined, longer: string, length: number): string | null {
  if (limit === undefined || limit <= 20) return "sse.idle-20s";
  return limit <= length ? longer : null;
}

/** A limit on each try of a request, which cuts the first one as well. */
function perTry(route: Route, model: LintModel, field: string): Hit[] {
  const nearest = retryPolicies(route, model).find(({ value }) => value !== undefined);
  const limit = valueAt(nearest?.value, field);
  if ((seconds(limit) ?? 0) === 0) return [];
  return [{
    path: `${nearest?.path}/${field}`,
    found: `route ${route.match} ends each try after ${limit} (${field})`,
    // Until the first byte of an answer, or while it is silent.
    case: (seconds(limit) ?? 0) > 20
      ? null
      : field === "per_try_timeout"
      ? "sse.slow-ttft"
      : "sse.idle-20s",
  }];
}

/** Where a route's retries are decided, the nearest first; a cluster's own are taken when none of them speaks. */
function retryPolicies(route: Route, model: LintModel): Placed<Json | undefined>[] {
  const of = ({ path, value }: Placed, field: string) => ({
    path: `${path}/${field}`,
    value: valueAt(value, field),
  });
  return [
    of(route, "route/retry_policy"),
    of(route, "route/retry_policy_typed_config"),
    ...route.parents.flatMap((parent) => [
      of(parent, "retry_policy"),
      of(parent, "retry_policy_typed_config"),
    ]),
    ...route.clusters.flatMap((name) => {
      const cluster = model.clusters.get(name);
      return cluster === undefined ? [] : [of(cluster, `${HTTP_OPTIONS}/retry_policy`)];
    }),
  ];
}

function unsafeRetries(route: Route, model: LintModel): Hit[] {
  // The nearest policy is the one in force.
  const nearest = retryPolicies(route, model).find(({ value }) => value !== undefined);
  const policy = nearest?.value;
  if (nearest === undefined || !isObject(policy)) return [];
  if (policy.num_retries === 0 || goesElsewhere(policy)) return [];
  const conditions = String(policy.retry_on ?? "").split(",")
    .map((condition) => condition.trim()).filter((condition) => condition !== "");
  const unsafe = conditions.filter((condition) => !SAFE_RETRIES.has(condition));
  if (unsafe.length === 0) return [];
  const resets = unsafe.every((condition) => condition === "reset");
  return [{
    path: `${nearest.path}/retry_on`,
    found: `route ${route.match} is retried on ${unsafe.join(", ")}`,
    ...(resets ? { case: "retry.reset-not-blind" } : {}),
  }];
}

/** Fallback: whoever failed is not asked again, and an error is not billed. */
function goesElsewhere(policy: JsonObject): boolean {
  return policy.refresh_cluster_on_retry === true || isObject(policy.retry_priority) ||
    Array.isArray(policy.retry_host_predicate);
}

/** Clusters that get copies alone: what cuts a copy cuts no answer. */
function onlyMirrors(model: LintModel): Set<string> {
  const routes = forwarding(model).map(({ route }) => route);
  const served = new Set(routes.flatMap(({ clusters }) => clusters));
  const copied = routes.flatMap(({ value }) =>
    objectsAt(value, "route/request_mirror_policies/*").map(({ cluster }) => String(cluster))
  );
  return new Set(copied.filter((name) => !served.has(name)));
}

/** A second request beside the first: it is answered twice, and billed twice. */
function hedged(route: Route): Hit[] {
  for (const { path, value } of [route, ...route.parents]) {
    const field = value === route.value ? "route/hedge_policy" : "hedge_policy";
    const policy = valueAt(value, field);
    if (!isObject(policy)) continue;
    if (policy.hedge_on_per_try_timeout !== true) return [];
    return [{
      path: `${path}/${field}`,
      found: `route ${route.match} is sent again while it still runs`,
      case: null,
    }];
  }
  return [];
}

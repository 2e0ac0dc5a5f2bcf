import {
  type HttpFilter,
  type Ingress,
  type LintModel,
  type Route,
  seconds,
  valueAt,
} from "../envoy/mod.ts";
import type { Hit, LintRule } from "./rule.ts";

/** Envoy's default route timeout (RouteAction.timeout). */
const DEFAULT_ROUTE_TIMEOUT = "15s";
/** Envoy's default idle timeout of a stream (HttpConnectionManager.stream_idle_timeout). */
const DEFAULT_STREAM_IDLE = "300s";

/** Filters that hold a body back until it is whole, by type. */
const BUFFERING: Readonly<Record<string, string>> = {
  Buffer: "contract.no-body-buffer",
  FileSystemBufferFilterConfig: "sse.lockstep",
};

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
    source: "RouteAction.timeout",
    check: (model) =>
      forwarding(model).flatMap(({ route }) => {
        const timeout = valueAt(route.value, "route/timeout") ?? DEFAULT_ROUTE_TIMEOUT;
        if (seconds(timeout) === 0) return [];
        return [
          hit(route, "route/timeout", `route ${route.match} ends every stream after ${timeout}`),
        ];
      }),
  },
  {
    id: "stream.idle-timeout",
    severity: "error",
    why: "a model that thinks longer than the idle timeout is cut off in silence: 5 min by default",
    fix:
      "set `idle_timeout: 0s` on the route, or `stream_idle_timeout: 0s` on the connection manager",
    case: "sse.idle-5min",
    source: "RouteAction.idle_timeout, HttpConnectionManager.stream_idle_timeout",
    check: (model) =>
      forwarding(model).flatMap(({ ingress, route }) => {
        const idle = valueAt(route.value, "route/idle_timeout") ??
          ingress.value.stream_idle_timeout ?? DEFAULT_STREAM_IDLE;
        if (seconds(idle) === 0) return [];
        return [
          hit(
            route,
            "route/idle_timeout",
            `route ${route.match} ends a stream that is silent for ${idle}`,
          ),
        ];
      }),
  },
  {
    id: "stream.max-duration",
    severity: "error",
    why: "a cap on a stream's whole life cuts long answers, with a clean status",
    fix: "leave `max_stream_duration` away where streams pass",
    case: "sse.total-75s",
    source: "HttpProtocolOptions.max_stream_duration, RouteAction.max_stream_duration",
    check: (model) => [
      ...model.ingresses.flatMap((ingress) =>
        capped(ingress, "common_http_protocol_options/max_stream_duration")
      ),
      ...forwarding(model).flatMap(({ route }) =>
        capped(route, "route/max_stream_duration/max_stream_duration")
      ),
      ...[...model.clusters.values()].flatMap((cluster) =>
        capped(
          cluster,
          "typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions" +
            "/common_http_protocol_options/max_stream_duration",
        )
      ),
    ],
  },
  {
    id: "stream.request-timeout",
    severity: "warning",
    why: "it bounds the whole upload, and a slow client with large images loses it half way",
    fix: "leave `request_timeout` away; `request_headers_timeout` guards against slow heads",
    case: "pass.upload-10mib",
    source: "HttpConnectionManager.request_timeout",
    check: (model) => model.ingresses.flatMap((ingress) => capped(ingress, "request_timeout")),
  },
  {
    id: "stream.buffered",
    severity: "error",
    why: "the filter collects a whole body before it passes any of it on",
    fix: "take the filter out of the chain, or disable it for the routes with streams",
    case: "sse.lockstep",
    source: "Buffer and file system buffer filters",
    check: (model) =>
      filters(model).filter(({ type }) => Object.hasOwn(BUFFERING, type))
        .filter((filter) => !servesBufferedProcessor(model, filter))
        .map((filter) => ({
          path: filter.path,
          found: `the filter "${filter.name}" buffers bodies`,
        })),
  },
  {
    id: "stream.compressed",
    severity: "warning",
    why: "a compressor holds events back until it has enough to compress",
    fix: "take `text/event-stream` out of the compressor's content types, or the filter out",
    case: "sse.no-compression",
    source: "Compressor.response_direction_config.common_config.content_type",
    check: (model) =>
      filters(model).filter(compressesStreams).map(({ path, name }) => ({
        path,
        found: `the filter "${name}" compresses event streams`,
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
      filters(model, "ExternalProcessor").flatMap((filter) => {
        const mode = String(valueAt(filter.config, "processing_mode/response_body_mode") ?? "NONE");
        if (!mode.startsWith("BUFFERED")) return [];
        const path = `${filter.configPath}/processing_mode/response_body_mode`;
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
    check: (model) => forwarding(model).flatMap(({ route }) => unsafeRetries(route)),
  },
];

/** Every route that forwards, with its way in. */
export function forwarding(model: LintModel): { ingress: Ingress; route: Route }[] {
  return model.ingresses.flatMap((ingress) =>
    ingress.routes.filter(({ clusters }) => clusters.length > 0)
      .map((route) => ({ ingress, route }))
  );
}

/** Every filter in force, or those of one type. */
export function filters(model: LintModel, type?: string): HttpFilter[] {
  return model.ingresses.flatMap((ingress) => ingress.filters)
    .filter((filter) => filter.value.disabled !== true)
    .filter((filter) => type === undefined || filter.type === type);
}

/**
 * A request buffer right before a processor that wants request bodies whole holds nothing back
 * that would not be held anyway, and bounds it.
 */
function servesBufferedProcessor(model: LintModel, filter: HttpFilter): boolean {
  if (filter.type !== "Buffer") return false;
  const chain = model.ingresses.map((ingress) => ingress.filters)
    .find((filters) => filters.includes(filter)) ?? [];
  const next = chain[chain.indexOf(filter) + 1];
  return next?.type === "ExternalProcessor" &&
    valueAt(next.config, "processing_mode/request_body_mode") === "BUFFERED";
}

function hit({ path }: Route, field: string, found: string): Hit {
  return { path: `${path}/${field}`, found };
}

function capped({ path, value }: { path: string; value: Route["value"] }, field: string): Hit[] {
  const limit = valueAt(value, field);
  if ((seconds(limit) ?? 0) === 0) return [];
  return [{ path: `${path}/${field}`, found: `it is ${limit}` }];
}

/** Envoy's default list holds no event stream; a list of one's own may. */
function compressesStreams({ type, config }: HttpFilter): boolean {
  if (type !== "Compressor") return false;
  const types = valueAt(config, "response_direction_config/common_config/content_type") ??
    config.content_type;
  return Array.isArray(types) && types.includes("text/event-stream");
}

function unsafeRetries(route: Route): Hit[] {
  const places = [
    { path: `${route.path}/route/retry_policy`, value: valueAt(route.value, "route/retry_policy") },
    ...route.parents.map((parent) => ({
      path: `${parent.path}/retry_policy`,
      value: parent.value.retry_policy,
    })),
  ];
  // The nearest policy is the one in force.
  const nearest = places.find(({ value }) => value !== undefined);
  if (nearest === undefined || valueAt(nearest.value, "num_retries") === 0) return [];
  const conditions = String(valueAt(nearest.value, "retry_on") ?? "").split(",")
    .map((condition) => condition.trim()).filter((condition) => condition !== "");
  const unsafe = conditions.filter((condition) => !SAFE_RETRIES.has(condition));
  if (unsafe.length === 0) return [];
  return [{
    path: `${nearest.path}/retry_on`,
    found: `route ${route.match} is retried on ${unsafe.join(", ")}`,
  }];
}

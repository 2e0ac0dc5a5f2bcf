/** The policy engine: always asked, never bypassed, and its silence is a no. */
import {
  filterOf,
  type FilterOnRoute,
  filterOnRoute,
  flagOf,
  HTTP_OPTIONS,
  type Ingress,
  isAskedLater,
  isObject,
  type Json,
  type JsonObject,
  type LintModel,
  matchesText,
  messagesWithin,
  objectsAt,
  type Placed,
  type Route,
  seconds,
  shareOf,
  valueAt,
} from "../envoy/mod.ts";
import {
  asksPolicy,
  filters,
  forwarding,
  type Hit,
  isProbe,
  type LintRule,
  serving,
} from "./rule.ts";

/** Many gRPC servers answer more frequent pings with GOAWAY too_many_pings (gRPC keepalive guide). */
const RUDE_PING_SECONDS = 300;

/** The policy engine: always asked, never bypassed, and its silence is a no. */
export const POLICY_RULES: readonly LintRule[] = [
  {
    id: "policy.missing",
    severity: "error",
    why: "requests are forwarded that nobody has decided on",
    fix: "put an ext_authz filter before the router",
    case: "deny.no-credential",
    source: "ExtAuthz",
    check: (model) =>
      serving(model)
        .filter(({ routes }) =>
          routes.some((route) => route.forwards && !isAskedLater(route, model))
        )
        .filter(isWithoutPolicy)
        .map((ingress) => ({
          path: `${ingress.path}/http_filters`,
          found: `the listener "${ingress.listener}" has no ext_authz filter in force`,
        })),
  },
  {
    id: "policy.fail-open",
    severity: "error",
    why: "when the engine is down, everybody is let in",
    fix: "set `failure_mode_allow: false`, or leave it away",
    case: "fc.policy-down",
    source: "ExtAuthz.failure_mode_allow",
    check: (model) =>
      where(model, ({ config }) => config.failure_mode_allow === true, {
        field: "failure_mode_allow",
        found: "the filter lets requests pass when the engine gives no answer",
      }),
  },
  {
    id: "policy.shadow",
    severity: "error",
    why: "the engine is asked, and a no is not carried out",
    fix: "take `shadow_mode` away when the trial is over",
    case: "deny.no-credential",
    source: "ExtAuthz.shadow_mode",
    check: (model) =>
      where(model, ({ config }) => config.shadow_mode === true, {
        field: "shadow_mode",
        found: "the filter asks, and lets everybody pass",
      }),
  },
  {
    id: "policy.partly-enabled",
    severity: "error",
    why: "some requests are forwarded without a decision",
    fix: "take `filter_enabled` and `filter_enabled_metadata` away, or set `deny_at_disable`",
    case: "deny.no-credential",
    also: ["fc.disabled-filter", "deny.every-path-form", "deny.reused-connection"],
    source: "ExtAuthz.filter_enabled",
    check: (model) => [
      ...where(model, (filter) => isPartlyEnabled(filter, model), {
        field: "filter_enabled",
        found: "the filter is not asked about every request",
      }),
      ...where(model, ({ state }) => state === "sometimes", {
        field: "",
        found: "a matcher decides whether the filter is asked",
      }),
    ],
  },
  {
    id: "policy.route-exempt",
    severity: "error",
    why: "whoever finds the path reaches the model without a decision",
    fix:
      "take the exemption away; answer open paths such as health checks by `direct_response`, or forward GET on the exact path of a probe alone",
    case: "deny.every-route",
    also: ["deny.every-call"],
    source: "ExtAuthzPerRoute.disabled",
    check: (model) =>
      model.ingresses.filter((ingress) => !isWithoutPolicy(ingress)).flatMap((ingress) =>
        ingress.routes
          .filter((route) =>
            route.forwards && !isProbe(route, model) && !isPartly(ingress, route) &&
            !isAskedLater(route, model)
          )
          .flatMap((route) => exemption(ingress, route))
      ),
  },
  {
    id: "policy.body-buffered",
    severity: "error",
    why: "the upload is held back for policy, larger ones get 413, and it wins over fail-open",
    fix: "take `with_request_body` away: decide on headers",
    case: "contract.no-body-buffer",
    also: ["contract.no-body-by-default"],
    source: "ExtAuthz.with_request_body",
    check: (model) =>
      where(model, ({ config }) => config.with_request_body !== undefined, {
        field: "with_request_body",
        found: "the filter waits for the request body",
      }),
  },
  {
    id: "policy.clears-route-cache",
    severity: "error",
    why: "a header that policy sets can move the request to a route that policy did not decide on",
    fix: "take `clear_route_cache` away, or let no route match on headers that policy sets",
    case: "route.no-reroute-bypass",
    source: "ExtAuthz.clear_route_cache",
    check: (model) =>
      where(model, ({ config }) => config.clear_route_cache === true, {
        field: "clear_route_cache",
        found: "the route is chosen again after the decision",
      }).map((hit) => steersRoutes(model) ? hit : { ...hit, case: null }),
  },
  {
    id: "policy.no-timeout",
    severity: "error",
    why: "an engine that never answers holds each request, and each connection, for ever",
    fix: "set `timeout` of the filter's `grpc_service`, 2 s for one",
    case: "fc.policy-timeout",
    source: "GrpcService.timeout",
    check: (model) =>
      where(model, ({ config }) => seconds(timeoutOf(config)) === 0, {
        field: "grpc_service",
        found: "the engine has no time limit (0s)",
      }),
  },
  {
    id: "policy.timeout",
    severity: "warning",
    why: "Envoy's default of 200 ms refuses requests in a burst",
    fix: "set `timeout` of the filter's `grpc_service`, 2 s for one",
    source: "GrpcService.timeout",
    check: (model) =>
      where(model, ({ config }) => seconds(timeoutOf(config)) === undefined, {
        field: "grpc_service",
        found: "no time limit for the engine's answer is set",
      }),
  },
  {
    id: "policy.error-status",
    severity: "warning",
    why: "403 tells clients that their credential is wrong, though nobody looked at it",
    fix: "set `status_on_error: { code: ServiceUnavailable }`",
    case: "fc.error-status",
    source: "ExtAuthz.status_on_error",
    check: (model) =>
      where(model, ({ config }) => config.status_on_error === undefined, {
        field: "",
        found: "an engine that is down answers 403",
      }),
  },
  {
    id: "policy.mutations-unchecked",
    severity: "warning",
    why: "a header with a line break from the engine is applied as far as it goes",
    fix: "set `validate_mutations: true`",
    source: "ExtAuthz.validate_mutations",
    check: (model) =>
      where(model, ({ config }) => config.validate_mutations !== true, {
        field: "",
        found: "illegal header names and values of the engine are not refused",
      }),
  },
  {
    id: "policy.steers-envoy",
    severity: "warning",
    why: "the engine can set x-envoy-* (retries, timeouts), host and path",
    fix: "set `decoder_header_mutation_rules` with `disallow_system: true`",
    case: "mut.x-envoy-blocked",
    source: "ExtAuthz.decoder_header_mutation_rules",
    check: (model) =>
      where(model, ({ config }) => config.decoder_header_mutation_rules === undefined, {
        field: "",
        found: "there are no rules for what the engine may change",
      }),
  },
  {
    id: "policy.no-http2",
    severity: "error",
    why: "gRPC is HTTP/2: every call to the engine fails, and every request with it",
    fix:
      "set `explicit_http_config: { http2_protocol_options: {} }` in the cluster's protocol options",
    case: "allow.basic-200",
    source: "HttpProtocolOptions.explicit_http_config",
    check: (model) =>
      grpcClusters(model).filter(({ value }) => !speaksHttp2(value))
        .map(({ path, value }) => ({ path, found: `the cluster "${value.name}" speaks HTTP/1.1` })),
  },
  {
    id: "policy.rude-pings",
    severity: "warning",
    why: "many gRPC servers answer a client that pings this often with GOAWAY too_many_pings",
    fix: "take `connection_keepalive` away, or ping at most every five minutes; use TCP keepalive",
    case: "allow.independent-decisions",
    source: "Http2ProtocolOptions.connection_keepalive",
    check: (model) =>
      grpcClusters(model).flatMap(({ path, value }) => {
        const field =
          `${HTTP_OPTIONS}/explicit_http_config/http2_protocol_options/connection_keepalive`;
        const interval = seconds(valueAt(value, `${field}/interval`));
        if (interval === undefined || interval >= RUDE_PING_SECONDS) return [];
        return [{ path: `${path}/${field}`, found: `the cluster pings every ${interval} s` }];
      }),
  },
  {
    id: "policy.tls-unchecked",
    severity: "error",
    why: "TLS without a root to check against takes anybody for the peer",
    fix: "set `trusted_ca` in the `validation_context`, and `auto_sni_san_validation: true`",
    source: "UpstreamTlsContext.common_tls_context",
    check: (model) => [...model.clusters.values()].flatMap(uncheckedTls),
  },
  {
    id: "policy.burst-limits",
    severity: "warning",
    why: "Envoy's default of 1,024 requests at a time refuses half of a burst of 5,000",
    fix: "raise `max_requests`, `max_pending_requests` and `max_connections` in `circuit_breakers`",
    case: "sse.concurrent-100",
    source: "CircuitBreakers.Thresholds",
    check: (model) => {
      const routed = forwarding(model).flatMap(({ route }) => route.clusters)
        .flatMap((name) => model.clusters.get(name) ?? []);
      return [...new Set([...authzClusters(model), ...routed])]
        .filter(({ value }) =>
          valueAt(value, "circuit_breakers/thresholds/0/max_requests") === undefined
        )
        .map(({ path, value }) => ({
          path,
          found: `the cluster "${value.name}" takes 1,024 requests at a time`,
        }));
    },
  },
];

function timeoutOf(config: JsonObject): Json | undefined {
  const service = isObject(config.grpc_service) ? config.grpc_service : config.http_service;
  return valueAt(service, "timeout") ?? valueAt(service, "server_uri/timeout");
}

function where(
  model: LintModel,
  broken: (filter: FilterOnRoute) => boolean,
  { field, found }: { field: string; found: string },
): Hit[] {
  return filters(model, "ExtAuthz").filter(broken)
    .map(({ pathOf }) => ({ path: pathOf(field), found }));
}

/** Nobody asks policy here, on any route: one finding says so, and not one for each route. */
function isWithoutPolicy(ingress: Ingress): boolean {
  const authz = ingress.filters.filter(({ type }) => type === "ExtAuthz");
  return authz.every(({ disabled }) => disabled) && filterOf(ingress, "ExtAuthz") === undefined;
}

/** A matcher decides on this route: policy.partly-enabled says so. */
function isPartly(ingress: Ingress, route: Route): boolean {
  return ingress.filters.some((filter) =>
    filter.type === "ExtAuthz" && filterOnRoute(filter, route).state === "sometimes"
  );
}

function isPartlyEnabled({ config }: FilterOnRoute, { runtime }: LintModel): boolean {
  if (flagOf(config.deny_at_disable, runtime) === true) return false;
  if (config.filter_enabled_metadata !== undefined) return true;
  return config.filter_enabled !== undefined && (shareOf(config.filter_enabled, runtime) ?? 0) < 1;
}

/** Can what policy sets lead to another route: is the path its to change, or do routes match on headers? */
function steersRoutes(model: LintModel): boolean {
  return filters(model, "ExtAuthz").some(({ config }) =>
    !isObject(config.decoder_header_mutation_rules)
  ) || forwarding(model).some(({ route }) => route.conditions.length > 0);
}

function exemption(ingress: Ingress, route: Route): Hit[] {
  if (asksPolicy(ingress, route)) return [];
  const authz = ingress.filters.filter(({ type }) => type === "ExtAuthz");
  const by = authz.map((filter) => filterOnRoute(filter, route).by).find((one) =>
    one !== undefined
  );
  return [{
    path: by?.path ?? route.path,
    found: `route ${route.match} is forwarded to ${route.target} without policy${
      by === undefined ? ": nothing there switches the filter on" : ""
    }`,
    ...(isTried(route) ? {} : { case: null }),
  }];
}

/** Paths of model servers that the suite tries without a credential. */
const TRIED = ["chat/completions", "completions", "embeddings", "models", "responses"]
  .map((name) => `/v1/${name}`);

/** Does the suite ask by a route, as far as path, method and conditions tell? */
function isTried({ value, conditions }: Route): boolean {
  const match = valueAt(value, "match");
  const methods = objectsAt(match ?? null, "headers/*").filter(({ name }) => name === ":method")
    .map((header) => String(valueAt(header, "string_match/exact") ?? "GET"));
  if (conditions.length > 0 || methods.some((method) => !/^(GET|POST)$/.test(method))) return false;
  const path = valueAt(match, "path");
  const prefix = valueAt(match, "prefix") ?? valueAt(match, "path_separated_prefix");
  const regex = valueAt(match, "safe_regex");
  if (typeof path === "string") return TRIED.includes(path);
  if (isObject(regex)) return TRIED.some((one) => matchesText({ safe_regex: regex }, one));
  return typeof prefix !== "string" || TRIED.some((one) => one.startsWith(prefix));
}

function authzClusters(model: LintModel): Placed[] {
  return named(model, filters(model, "ExtAuthz"));
}

/** Clusters that a filter speaks gRPC to. */
function grpcClusters(model: LintModel): Placed[] {
  return named(model, [...filters(model, "ExtAuthz"), ...filters(model, "ExternalProcessor")]);
}

function named(model: LintModel, callers: readonly FilterOnRoute[]): Placed[] {
  const names = callers.map(({ config }) =>
    valueAt(config, "grpc_service/envoy_grpc/cluster_name")
  );
  return [...new Set(names)].flatMap((name) => model.clusters.get(String(name)) ?? []);
}

function speaksHttp2(cluster: JsonObject): boolean {
  const options = valueAt(cluster, HTTP_OPTIONS);
  return cluster.http2_protocol_options !== undefined ||
    valueAt(options, "explicit_http_config/http2_protocol_options") !== undefined ||
    valueAt(options, "auto_config") !== undefined ||
    valueAt(options, "use_downstream_protocol_config/http2_protocol_options") !== undefined;
}

/** Fields of a validation context that say whom to trust. */
const ROOTS = [
  ...["trusted_ca", "ca_certificate_provider_instance"],
  ...["verify_certificate_hash", "verify_certificate_spki", "custom_validator_config"],
];

/** Every TLS context of a cluster, in whatever it is wrapped, that names no root. */
function uncheckedTls(cluster: Placed): Hit[] {
  return messagesWithin(cluster, ["UpstreamTlsContext"]).flatMap(({ path, value }): Hit[] => {
    const common = isObject(value.common_tls_context) ? value.common_tls_context : {};
    const trusts = (context: Json | undefined) =>
      isObject(context) && ROOTS.some((field) => context[field] !== undefined);
    if (
      trusts(common.validation_context) ||
      trusts(valueAt(common, "combined_validation_context/default_validation_context")) ||
      common.validation_context_sds_secret_config !== undefined ||
      common.combined_validation_context !== undefined ||
      value.sds_config !== undefined
    ) return [];
    return [{ path, found: `the cluster "${cluster.value.name}" takes any certificate` }];
  });
}

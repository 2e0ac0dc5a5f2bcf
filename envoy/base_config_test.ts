import assert from "node:assert/strict";
import { bundledConfig } from "./config_file.ts";
import { isObject, type Json, type JsonObject, objectsAt, valueAt } from "./tree.ts";

const { bootstrap } = bundledConfig("base");
const LISTENER = "static_resources/listeners/0";
const MANAGER = `${LISTENER}/filter_chains/0/filters/0/typed_config`;
const ROUTES = `${MANAGER}/route_config/virtual_hosts/0/routes`;
const POLICY = "static_resources/clusters/0";
const UPSTREAM = "static_resources/clusters/1";
const LIMIT = `${MANAGER}/http_filters/0/typed_config`;
const AUTHZ = `${MANAGER}/http_filters/1/typed_config`;
const MONITOR = "overload_manager/resource_monitors/0/typed_config";

/** The contract's numbers, and where each stands. */
const CONTRACT: readonly (readonly [string, string, Json | undefined])[] = [
  ["ingress port", `${LISTENER}/address/socket_address/port_value`, 8080],
  ["ingress address", `${LISTENER}/address/socket_address/address`, "127.0.0.1"],
  ["admin port", "admin/address/socket_address/port_value", 9901],
  ["admin address", "admin/address/socket_address/address", "127.0.0.1"],
  ["policy answer", `${AUTHZ}/grpc_service/timeout`, "2s"],
  ["policy fails closed", `${AUTHZ}/failure_mode_allow`, false],
  ["policy error status", `${AUTHZ}/status_on_error/code`, "ServiceUnavailable"],
  ["policy cluster", `${AUTHZ}/grpc_service/envoy_grpc/cluster_name`, "policy_engine"],
  ["policy asks for no body", `${AUTHZ}/with_request_body`, undefined],
  ["route cache after policy", `${AUTHZ}/clear_route_cache`, undefined],
  ["connect, policy", `${POLICY}/connect_timeout`, "1s"],
  ["connect, upstream", `${UPSTREAM}/connect_timeout`, "1s"],
  ["route timeout", `${ROUTES}/1/route/timeout`, "0s"],
  ["stream idle timeout", `${ROUTES}/1/route/idle_timeout`, "0s"],
  ["request timeout", `${MANAGER}/request_timeout`, undefined],
  ["request head timeout", `${MANAGER}/request_headers_timeout`, "10s"],
  ["buffer, downstream", `${LISTENER}/per_connection_buffer_limit_bytes`, 1048576],
  ["buffer, policy", `${POLICY}/per_connection_buffer_limit_bytes`, 1048576],
  ["buffer, upstream", `${UPSTREAM}/per_connection_buffer_limit_bytes`, 1048576],
  ["downstream connections", `${MONITOR}/max_active_downstream_connections`, 50000],
  ["rate limit", `${LIMIT}/token_bucket/tokens_per_fill`, 20000],
  ["rate limit interval", `${LIMIT}/token_bucket/fill_interval`, "1s"],
  ["rate limit burst", `${LIMIT}/token_bucket/max_tokens`, 40000],
  ["rate limit retry-after", `${LIMIT}/response_headers_to_add/0/header/key`, "retry-after"],
  ["request head size", `${MANAGER}/max_request_headers_kb`, 60],
  ["request head count", `${MANAGER}/common_http_protocol_options/max_headers_count`, 100],
  ["retries", `${ROUTES}/1/route/retry_policy`, undefined],
  ["request id returned", `${MANAGER}/always_set_request_id_in_response`, true],
  ["request id kept", `${MANAGER}/preserve_external_request_id`, true],
  [
    "request id kept whole",
    `${MANAGER}/request_id_extension/typed_config/pack_trace_reason`,
    false,
  ],
];

for (
  const { path, value, what } of CONTRACT.map(([what, path, value]) => ({ what, path, value }))
) {
  Deno.test(`base.yaml holds the contract: ${what}`, () =>
    assert.deepEqual(valueAt(bootstrap, path), value));
}

Deno.test("base.yaml lifts the circuit breakers of both clusters to 65,536", () => {
  for (const cluster of [POLICY, UPSTREAM]) {
    assert.deepEqual(valueAt(bootstrap, `${cluster}/circuit_breakers/thresholds`), [
      { max_connections: 65536, max_pending_requests: 65536, max_requests: 65536 },
    ]);
  }
});

Deno.test("base.yaml strips every name that only policy or Envoy may set, before policy", () => {
  const mutations = valueAt(
    bootstrap,
    `${MANAGER}/early_header_mutation_extensions/0/typed_config/mutations`,
  );
  assert.deepEqual(mutations, [
    { remove: "x-llm-decision-id" },
    { remove: "x-llm-policy-version" },
    { remove: "x-tenant" },
    // Envoy's own word to the policy engine and the upstream, in configurations that have it.
    { remove: "x-envoy-auth-failure-mode-allowed" },
    { remove: "x-envoy-auth-partial-body" },
  ]);
});

Deno.test("base.yaml exempts /healthz from policy and nothing else", () => {
  const routes = objectsAt(bootstrap, `${ROUTES}/*`);
  const exempt = routes.filter((route) => route.typed_per_filter_config !== undefined);
  assert.deepEqual(exempt.map((route) => route.match), [{ path: "/healthz" }]);
  assert.deepEqual(routes.map((route) => route.match), [{ path: "/healthz" }, { prefix: "/v1/" }]);
});

Deno.test("base.yaml has three filters: rate limit, policy, router, in that order", () => {
  const names = objectsAt(bootstrap, `${MANAGER}/http_filters/*`).map((filter) => filter.name);
  assert.deepEqual(names, [
    "envoy.filters.http.local_ratelimit",
    "envoy.filters.http.ext_authz",
    "envoy.filters.http.router",
  ]);
});

Deno.test("base.yaml never rewrites a policy's own denial", () => {
  const mappers = objectsAt(bootstrap, `${MANAGER}/local_reply_config/mappers/*`);
  assert.equal(mappers.length, 8);
  for (const mapper of mappers) {
    assert.doesNotMatch(JSON.stringify(mapper.filter), /ext_authz_denied|UAEX|status_code_filter/);
  }
  assert.equal(valueAt(bootstrap, `${MANAGER}/local_reply_config/body_format`), undefined);
});

Deno.test("base.yaml answers with errors in the OpenAI shape", () => {
  const codes = objectsAt(bootstrap, `${MANAGER}/local_reply_config/mappers/*`).map((mapper) => {
    const format = valueAt(mapper, "body_format_override");
    assert.ok(isObject(format));
    assert.equal(format.content_type, "application/json");
    const body: JsonObject = JSON.parse(
      String(valueAt(format, "text_format_source/inline_string")),
    );
    assert.ok(isObject(body.error));
    assert.deepEqual(Object.keys(body.error), ["message", "type", "param", "code"]);
    assert.equal(body.error.param, null);
    return `${body.error.type} ${body.error.code}`;
  });
  assert.deepEqual(codes, [
    "policy_error policy_unavailable",
    "invalid_request_error not_found",
    "rate_limit_error gateway_rate_limited",
    "upstream_error upstream_unavailable",
    "invalid_request_error malformed_request",
    "invalid_request_error malformed_request",
    "invalid_request_error upgrade_not_offered",
    "invalid_request_error malformed_request",
  ]);
});

Deno.test("base.yaml logs no query, no body and no credential", () => {
  const format = JSON.stringify(
    valueAt(bootstrap, `${MANAGER}/access_log/0/typed_config/log_format/json_format`),
  );
  assert.match(format, /%PATH\(NQ:PATH\)%/);
  assert.doesNotMatch(format, /REQ\((:PATH|AUTHORIZATION|X-API-KEY|COOKIE)|BODY|QUERY/i);
});

Deno.test("base.yaml never speaks TLS without a root and a name to check", () => {
  const contexts = objectsAt(
    bootstrap,
    "static_resources/clusters/*/transport_socket_matches/*/transport_socket/typed_config",
  ).filter((context) => String(context["@type"]).endsWith("UpstreamTlsContext"));
  assert.equal(contexts.length, 2);
  for (const context of contexts) {
    assert.deepEqual([context.auto_host_sni, context.auto_sni_san_validation], [true, true]);
    const root = valueAt(context, "common_tls_context/validation_context/trusted_ca/inline_string");
    assert.match(String(root), /^-----BEGIN CERTIFICATE-----/);
  }
});

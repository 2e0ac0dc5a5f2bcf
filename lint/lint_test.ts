import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import {
  bundledConfig,
  bundledConfigNames,
  deleteAt,
  type Json,
  type JsonObject,
  setAt,
  valueAt,
} from "../envoy/mod.ts";
import { AI_RULES } from "./ai_rules.ts";
import { CREDENTIAL_RULES } from "./credential_rules.ts";
import { TRAFFIC_RULES } from "./traffic_rules.ts";
import { LIMITS_RULES } from "./limits_rules.ts";
import { ROUTER_RULES } from "./router_rules.ts";
import { formatFindings } from "./format.ts";
import { LINT_RULES, lintEnvoyConfig } from "./lint.ts";

const MANAGER = "static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const EARLY = `${MANAGER}/early_header_mutation_extensions/0/typed_config/mutations`;
const TABLE = `${MANAGER}/route_config`;
const ROUTE = `${TABLE}/virtual_hosts/0/routes/1`;
const AUTHZ = `${MANAGER}/http_filters/1/typed_config`;
const POLICY = "static_resources/clusters/0";
const UPSTREAM = "static_resources/clusters/1";
const PROTOCOL =
  "typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const TLS = "transport_socket_matches/0/transport_socket/typed_config/common_tls_context";
const ENDPOINT =
  `${UPSTREAM}/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address`;
const GONE = "(gone)";

const HTTP = "type.googleapis.com/envoy.extensions.filters.http";

const filter = (type: string, config: JsonObject = {}): Json => ({
  name: `test.${type}`,
  typed_config: { "@type": `${HTTP}.${type}`, ...config },
});

/** The base chain with one more filter before the router. */
function withFilter(more: Json): Json {
  const { bootstrap } = bundledConfig("base");
  const chain = valueAt(bootstrap, `${MANAGER}/http_filters`) as Json[];
  return [...chain.slice(0, -1), more, ...chain.slice(-1)];
}

const TAP = { common_config: { admin_config: { config_id: "a" } } };
const EXEMPT = { "@type": `${HTTP}.ext_authz.v3.ExtAuthzPerRoute`, disabled: true };

/** Edits that break each rule: one each of the base configuration, which breaks none. */
const BREAKS: readonly (readonly [string, string, Json])[] = [
  ["stream.route-timeout", `${ROUTE}/route/timeout`, GONE],
  ["stream.route-timeout", `${ROUTE}/route/timeout`, "60s"],
  ["stream.idle-timeout", `${ROUTE}/route/idle_timeout`, GONE],
  ["stream.idle-timeout", `${ROUTE}/route/idle_timeout`, "0.5s"],
  ["stream.max-duration", `${MANAGER}/common_http_protocol_options/max_stream_duration`, "60s"],
  ["stream.max-duration", `${ROUTE}/route/max_stream_duration/max_stream_duration`, "60s"],
  [
    "stream.max-duration",
    `${UPSTREAM}/${PROTOCOL}/common_http_protocol_options/max_stream_duration`,
    "60s",
  ],
  ["stream.request-timeout", `${MANAGER}/request_timeout`, "30s"],
  [
    "stream.buffered",
    `${MANAGER}/http_filters/0`,
    filter("buffer.v3.Buffer", { max_request_bytes: 1 }),
  ],
  [
    "stream.compressed",
    `${MANAGER}/http_filters/0`,
    filter("compressor.v3.Compressor", {
      response_direction_config: { common_config: { content_type: ["text/event-stream"] } },
      compressor_library: {
        name: "gzip",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip",
        },
      },
    }),
  ],
  [
    "stream.ext-proc-buffered",
    `${MANAGER}/http_filters/0`,
    filter("ext_proc.v3.ExternalProcessor", {
      grpc_service: { envoy_grpc: { cluster_name: "policy_engine" } },
      processing_mode: { response_body_mode: "BUFFERED" },
    }),
  ],
  ["stream.retry", `${ROUTE}/route/retry_policy`, { retry_on: "connect-failure,5xx" }],
  ["stream.retry", `${TABLE}/virtual_hosts/0/retry_policy`, { retry_on: "reset" }],
  ["policy.missing", `${MANAGER}/http_filters/1/disabled`, true],
  ["policy.fail-open", `${AUTHZ}/failure_mode_allow`, true],
  ["policy.shadow", `${AUTHZ}/shadow_mode`, true],
  ["policy.headers-hidden", `${AUTHZ}/allowed_headers`, { patterns: [{ exact: "x-api-key" }] }],
  [
    "policy.late-route",
    `${MANAGER}/http_filters`,
    withFilter(filter("on_demand.v3.OnDemand")),
  ],
  [
    "policy.answered-before",
    `${MANAGER}/http_filters/0`,
    filter("cache.v3.CacheConfig", { disabled: true }),
  ],
  ["policy.cache-shared", `${MANAGER}/http_filters`, withFilter(filter("cache.v3.CacheConfig"))],
  ["config.filter-order", `${MANAGER}/http_filters/2`, filter("lua.v3.Lua")],
  ["config.filter-order", `${MANAGER}/http_filters/3`, filter("lua.v3.Lua")],
  ["config.no-type", `${MANAGER}/http_filters/0`, { name: "envoy.filters.http.cors" }],
  ["config.no-address", "static_resources/listeners/0/address/socket_address/address", "localhost"],
  ["config.no-address", "static_resources/listeners/0/address", GONE],
  ["config.limit", `${MANAGER}/codec_type`, 99],
  ["config.limit", `${AUTHZ}/status_on_error/code`, 0],
  ["config.unknown-cluster", `${ROUTE}/route/cluster`, "gone"],
  ["config.unknown-cluster", `${ROUTE}/route/request_mirror_policies`, [{ cluster: "gone" }]],
  ["policy.no-engine", `${AUTHZ}/grpc_service/envoy_grpc/cluster_name`, "gone"],
  ["config.limit", `${TABLE}/virtual_hosts/0/domains`, []],
  ["config.limit", `${POLICY}/connect_timeout`, "0s"],
  ["config.limit", `${ROUTE}/match`, GONE],
  [
    "edge.token-audience",
    `${MANAGER}/http_filters`,
    withFilter(
      filter("jwt_authn.v3.JwtAuthentication", {
        providers: { own: { issuer: "i", local_jwks: { inline_string: "{}" } } },
      }),
    ),
  ],
  [
    "config.route-setting",
    `${ROUTE}/typed_per_filter_config`,
    { "envoy.filters.http.ext_authz": { "@type": `${HTTP}.ext_authz.v3.ExtAuthz` } },
  ],
  [
    "policy.upgrade-exempt",
    `${MANAGER}/upgrade_configs`,
    [{ upgrade_type: "websocket", filters: [filter("router.v3.Router")] }],
  ],
  [
    "policy.tcp-beside",
    "static_resources/listeners/0/default_filter_chain",
    {
      filters: [{
        name: "tcp",
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
          stat_prefix: "t",
          cluster: "upstream",
        },
      }],
    },
  ],
  ["edge.tapped", `${MANAGER}/http_filters/0`, filter("tap.v3.Tap", TAP)],
  [
    "edge.secrets-traced",
    `${MANAGER}/tracing`,
    { custom_tags: [{ tag: "key", request_header: { name: "x-api-key" } }] },
  ],
  ["config.unknown-field", `${AUTHZ}/failure_mode_alow`, true],
  ["config.wrong-value", `${AUTHZ}/failure_mode_allow`, "maybe"],
  ["config.unknown-type", `${MANAGER}/http_filters/0`, filter("gone.v3.Gone")],
  ["config.conflict", `${AUTHZ}/http_service`, {}],
  ["config.template", `${AUTHZ}/include_peer_certificate`, "{{ certificates }}"],
  ["config.old-api", `${UPSTREAM}/hosts`, []],
  [
    "policy.partly-enabled",
    `${AUTHZ}/filter_enabled/default_value`,
    { numerator: 50, denominator: "HUNDRED" },
  ],
  [
    "policy.route-exempt",
    `${ROUTE}/typed_per_filter_config/envoy.filters.http.ext_authz`,
    EXEMPT,
  ],
  [
    "policy.route-exempt",
    `${TABLE}/virtual_hosts/0/typed_per_filter_config/envoy.filters.http.ext_authz`,
    EXEMPT,
  ],
  ["policy.body-buffered", `${AUTHZ}/with_request_body`, { max_request_bytes: 8192 }],
  ["policy.clears-route-cache", `${AUTHZ}/clear_route_cache`, true],
  ["policy.timeout", `${AUTHZ}/grpc_service/timeout`, GONE],
  ["policy.no-timeout", `${AUTHZ}/grpc_service/timeout`, "0s"],
  ["policy.error-status", `${AUTHZ}/status_on_error`, GONE],
  ["policy.mutations-unchecked", `${AUTHZ}/validate_mutations`, GONE],
  ["policy.steers-envoy", `${AUTHZ}/decoder_header_mutation_rules`, GONE],
  ["policy.no-http2", `${POLICY}/typed_extension_protocol_options`, GONE],
  [
    "policy.rude-pings",
    `${POLICY}/${PROTOCOL}/explicit_http_config/http2_protocol_options/connection_keepalive`,
    { interval: "10s", timeout: "5s" },
  ],
  ["policy.tls-unchecked", `${POLICY}/${TLS}/validation_context`, GONE],
  ["policy.burst-limits", `${POLICY}/circuit_breakers`, GONE],
  ["policy.burst-limits", `${UPSTREAM}/circuit_breakers`, GONE],
  ["edge.admin-exposed", "admin/address/socket_address/address", "0.0.0.0"],
  ["edge.admin-routed", `${ENDPOINT}/port_value`, 9901],
  ["edge.request-id-off", `${MANAGER}/generate_request_id`, false],
  ["stream.route-timeout", `${TABLE}/virtual_hosts/0/retry_policy`, { per_try_timeout: "10s" }],
  ["stream.idle-timeout", `${TABLE}/virtual_hosts/0/retry_policy`, { per_try_idle_timeout: "10s" }],
  [
    "edge.denial-rewritten",
    `${MANAGER}/local_reply_config/mappers/0/filter`,
    { response_flag_filter: { flags: ["UAEX"] } },
  ],
  ["edge.trusted-names", `${EARLY}/0/remove`, "x-other"],
  ["edge.auth-failure-header", `${EARLY}/3/remove`, "x-other"],
  [
    "edge.underscores",
    `${MANAGER}/common_http_protocol_options/headers_with_underscores_action`,
    "ALLOW",
  ],
  ["edge.path-normalization", `${MANAGER}/normalize_path`, GONE],
  ["edge.merge-slashes", `${MANAGER}/merge_slashes`, false],
  ["edge.escaped-slashes", `${MANAGER}/path_with_escaped_slashes_action`, "KEEP_UNCHANGED"],
  ["edge.remote-address", `${MANAGER}/use_remote_address`, GONE],
  ["edge.length-and-chunked", `${MANAGER}/http_protocol_options/allow_chunked_length`, true],
  ["edge.slow-heads", `${MANAGER}/request_headers_timeout`, GONE],
  [
    "edge.append-action",
    `${ROUTE}/request_headers_to_add`,
    [{ header: { key: "x-tenant", value: "acme" } }],
  ],
  [
    "edge.denial-rewritten",
    `${MANAGER}/local_reply_config/mappers/0/filter`,
    { status_code_filter: { comparison: { op: "GE", value: { default_value: 400 } } } },
  ],
  ["edge.denial-rewritten", `${MANAGER}/local_reply_config/body_format`, { json_format: {} }],
  ["edge.error-shape", `${MANAGER}/local_reply_config`, GONE],
  ["config.unknown-secret", `${UPSTREAM}/${TLS}/tls_certificate_sds_secret_configs`, [{
    name: "nobody",
  }]],
  ["edge.request-id", `${MANAGER}/always_set_request_id_in_response`, GONE],
  ["edge.access-log", `${MANAGER}/access_log`, GONE],
  [
    "edge.secrets-logged",
    `${MANAGER}/access_log/0/typed_config/log_format/json_format/key`,
    "%REQ(authorization)%",
  ],
];

function edited(path: string, value: Json): JsonObject {
  const bootstrap = structuredClone(bundledConfig("base").bootstrap);
  if (value === GONE) deleteAt(bootstrap, path);
  else setAt(bootstrap, path, value);
  return bootstrap;
}

const idsOf = async (text: string) => {
  const { findings } = await lintEnvoyConfig(text, { name: "own" });
  return [...new Set(findings.map(({ id }) => id))];
};

Deno.test("lintEnvoyConfig() finds nothing in the bundled profiles", async () => {
  // The check-only configurations open what a profile keeps shut.
  for (const name of bundledConfigNames().filter((name) => !name.startsWith("check/"))) {
    const { text } = bundledConfig(name);
    const { findings, notes } = await lintEnvoyConfig(text, { name });
    assert.deepEqual({ findings, notes }, { findings: [], notes: [] }, name);
  }
});

for (
  const { id, path, value, index } of BREAKS.map(([id, path, value], index) => ({
    id,
    path,
    value,
    index,
  }))
) {
  Deno.test(`lintEnvoyConfig() finds ${id} in edit ${index}, and nothing else`, async () => {
    assert.deepEqual(await idsOf(JSON.stringify(edited(path, value))), [id]);
  });
}

Deno.test("every rule has an edit that breaks it", () => {
  // Groups with tests of their own have theirs there.
  const apart = [ROUTER_RULES, LIMITS_RULES, AI_RULES, TRAFFIC_RULES, CREDENTIAL_RULES];
  const elsewhere = apart.flat().map(({ id }) => id);
  const broken = new Set([...BREAKS.map(([id]) => id), ...elsewhere]);
  assert.deepEqual(LINT_RULES.map(({ id }) => id).filter((id) => !broken.has(id)), []);
});

Deno.test("lintEnvoyConfig() reads protobuf's JSON names as well, and reports them as written", async () => {
  const spelled = JSON.stringify(edited(`${AUTHZ}/failure_mode_allow`, true))
    .replaceAll(
      /"([a-z]+(?:_[a-z0-9]+)+)":/g,
      (_, key: string) =>
        `"${key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())}":`,
    );
  assert.match(spelled, /failureModeAllow/);
  const { findings } = await lintEnvoyConfig(spelled, { name: "own.json" });
  assert.deepEqual(findings.map(({ id }) => id), ["policy.fail-open"]);
  assert.match(findings[0]?.path ?? "", /staticResources.*\/typedConfig\/failureModeAllow$/);
});

Deno.test("lintEnvoyConfig() gives the line of the field, or of the one above a missing field", async () => {
  const { text } = bundledConfig("base");
  const lineOf = (part: string, in_: string) => in_.slice(0, in_.indexOf(part)).split("\n").length;
  const open = text.replace("failure_mode_allow: false", "failure_mode_allow: true");
  const [found] = (await lintEnvoyConfig(open, { name: "own.yaml" })).findings;
  assert.equal(found?.line, lineOf("failure_mode_allow: true", open));
  const missing = text.replace(/ *status_on_error: .*\n/, "");
  const [above] = (await lintEnvoyConfig(missing, { name: "own.yaml" })).findings;
  const filterLine = lineOf("- name: envoy.filters.http.ext_authz", missing);
  assert.equal(above?.line, filterLine + 1);
});

Deno.test("lintEnvoyConfig() knows a configuration dump, and finds routes that came by RDS", async () => {
  const bootstrap = edited(`${ROUTE}/route/timeout`, GONE);
  const { admin, static_resources } = bootstrap as Record<string, JsonObject>;
  const listeners = static_resources?.listeners as JsonObject[];
  const clusters = static_resources?.clusters as JsonObject[];
  const dump = (path: string, config: Json) =>
    JSON.stringify({
      configs: [
        { bootstrap: { admin: admin ?? {} } },
        { static_listeners: listeners.map((listener) => ({ listener })) },
        { static_clusters: clusters.map((cluster) => ({ cluster })) },
        { [path]: [{ route_config: config }] },
      ],
    });
  const manager = listeners[0] as JsonObject & { filter_chains: JsonObject[] };
  const config =
    ((manager.filter_chains[0]?.filters as JsonObject[])[0]?.typed_config) as JsonObject;
  const table = config.route_config as JsonObject;
  assert.deepEqual(await idsOf(dump("other", {})), ["stream.route-timeout"]);
  delete config.route_config;
  config.rds = { route_config_name: String(table.name) };
  assert.deepEqual(await idsOf(dump("dynamic_route_configs", table)), ["stream.route-timeout"]);
  const missing = await lintEnvoyConfig(dump("other", {}), { name: "dump" });
  assert.match(missing.notes[0] ?? "", /come by RDS/);
});

Deno.test("lintEnvoyConfig() takes names of one's own for those that only policy may set", async () => {
  const { text } = bundledConfig("base");
  const { findings } = await lintEnvoyConfig(text, {
    name: "own",
    trustedNames: ["x-tenant", "x-user"],
  });
  assert.deepEqual(findings.map(({ id, found }) => [id, found]), [
    ["edge.trusted-names", "a client's own x-user is not removed"],
  ]);
});

Deno.test("lintEnvoyConfig() takes retries that cannot repeat a request for safe", async () => {
  const safe = { retry_on: "connect-failure,refused-stream,reset-before-request", num_retries: 2 };
  assert.deepEqual(await idsOf(JSON.stringify(edited(`${ROUTE}/route/retry_policy`, safe))), []);
});

Deno.test("lintEnvoyConfig() says where a text cannot be parsed, or is no configuration", async () => {
  await assert.rejects(
    lintEnvoyConfig("a:\n b: 1\n  c: 2\n", { name: "x.yaml" }),
    /"x.yaml":2:5:/,
  );
  await assert.rejects(lintEnvoyConfig("{}", { name: "x.yaml" }), UsageError);
});

Deno.test("formatFindings() says place, what, why, how to mend it, and the case that shows it", async () => {
  const text = JSON.stringify(edited(`${AUTHZ}/failure_mode_allow`, true));
  const printed = formatFindings(await lintEnvoyConfig(text, { name: "own.json" }), "own.json");
  for (
    const part of [
      /^own.json:1:\d+: error: policy.fail-open: /,
      /why: /,
      /fix: /,
      /--case fc\.policy-down/,
    ]
  ) {
    assert.match(printed, part);
  }
});

/** Every path of a value, deepest last. */
function pathsOf(value: Json, path = ""): string[] {
  if (typeof value !== "object" || value === null) return [path];
  const below = Object.entries(value).flatMap(([key, child]) =>
    pathsOf(child, path === "" ? key : `${path}/${key}`)
  );
  return path === "" ? below : [path, ...below];
}

Deno.test("lintEnvoyConfig() takes any value anywhere without a fault of its own", async () => {
  const { bootstrap } = bundledConfig("base");
  for (const path of pathsOf(bootstrap)) {
    for (const value of [null, "text", 7, [], {}, [null], [[]]]) {
      const broken = structuredClone(bootstrap);
      setAt(broken, path, value);
      try {
        await lintEnvoyConfig(JSON.stringify(broken), { name: "own", withoutLines: true });
      } catch (error) {
        assert.ok(error instanceof UsageError, `${path} = ${JSON.stringify(value)}: ${error}`);
      }
    }
  }
});

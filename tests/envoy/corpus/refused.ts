/** Faults that Envoy finds beside types: what it refuses when it puts a configuration together. */
import { type CorpusCase, HTTP, LIMITS, ROUTE, strict, TYPE } from "./form.ts";

const SETTING = "type.googleapis.com/envoy.config.route.v3.FilterConfig";
const routed = (settings: string) =>
  `{ match: { prefix: / }, route: { cluster: up, timeout: 0s, idle_timeout: 0s }, typed_per_filter_config: { ${settings} } }`;
const other = (match: string) =>
  `{ match: ${match}, route: { cluster: up, timeout: 0s, idle_timeout: 0s } }, ${ROUTE}`;
const text = (format: string) =>
  `[ { name: out, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog, log_format: { text_format_source: { inline_string: "${format}" } } } } ]`;

const tls = (common: string) =>
  `{ name: envoy.transport_sockets.tls, typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: ${common} } }`;

const refused = (name: string, finding: string, text: string): CorpusCase => ({
  name: `refused: ${name}`,
  text,
  findings: [finding],
  envoy: "refuses",
});

export const REFUSED: readonly CorpusCase[] = [
  refused("an operator that there is not", "config.limit", strict({ log: text("%RESPONSE_COD%") })),
  refused("an operator without its end", "config.limit", strict({ log: text("%PROTOCOL") })),
  refused("an operator without its argument", "config.limit", strict({ log: text("%REQ()%") })),
  refused(
    "a percent sign in a header's value",
    "config.limit",
    strict({
      host:
        "request_headers_to_add: [ { header: { key: x-share, value: 50% }, append_action: OVERWRITE_IF_EXISTS_OR_ADD } ]",
    }),
  ),
  refused(
    "a host that a route adds",
    "config.limit",
    strict({
      host:
        "request_headers_to_add: [ { header: { key: Host, value: a }, append_action: OVERWRITE_IF_EXISTS_OR_ADD } ]",
    }),
  ),
  refused(
    "look-ahead",
    "config.limit",
    strict({ routes: other("{ safe_regex: { regex: '^/(?!admin).*' } }") }),
  ),
  refused(
    "a prefix with a slash too many",
    "config.limit",
    strict({ routes: other("{ path_separated_prefix: /v1/ }") }),
  ),
  refused(
    "one domain twice",
    "config.limit",
    strict().replace('domains: ["*"]', 'domains: ["llm.test", "LLM.test", "*"]'),
  ),
  refused(
    "one cluster twice",
    "config.limit",
    strict({ more: `- { name: up, type: STATIC, ${LIMITS} }` }),
  ),
  refused(
    "two chains for the same",
    "config.limit",
    strict().replace(
      "    filter_chains:",
      `    filter_chains:\n    - filters: [ { name: t, typed_config: { "@type": ${TYPE}.network.tcp_proxy.v3.TcpProxy, stat_prefix: a, cluster: pol } } ]`,
    ),
  ),
  refused(
    "endpoints by EDS from nowhere",
    "config.limit",
    strict({ upstream: "type: EDS" }),
  ),
  refused(
    "a setting that says nothing",
    "config.limit",
    strict({ routes: routed(`envoy.filters.http.ext_authz: { "@type": ${SETTING} }`) }),
  ),
  refused(
    "a setting of the filter's own type",
    "config.route-setting",
    strict({
      routes: routed(
        `envoy.filters.http.ext_authz: { "@type": ${HTTP}.ext_authz.v3.ExtAuthz, failure_mode_allow: true }`,
      ),
    }),
  ),
  refused(
    "a duration below zero",
    "config.wrong-value",
    strict({ manager: "stream_idle_timeout: -1s" }),
  ),
  refused(
    "more nanoseconds than a second has",
    "config.wrong-value",
    strict({ manager: "stream_idle_timeout: { nanos: 5000000000 }" }),
  ),
  refused(
    "a wrapper with another key",
    "config.unknown-field",
    strict({ manager: "via: a, suppress_envoy_headers: { val: true }" }).replace(
      "via: a, suppress_envoy_headers",
      "xff_num_trusted_hops: 0\n          add_user_agent",
    ),
  ),
  refused(
    "bytes that are no base64",
    "config.wrong-value",
    strict({
      routes:
        `{ match: { path: /x }, direct_response: { status: 200, body: { inline_bytes: "***" } } }, ${ROUTE}`,
    }),
  ),
  refused(
    "one address twice",
    "config.limit",
    strict().replace(
      / {2}- name: ingress[\s\S]*?(?= {2}clusters:)/,
      (listener) => listener + listener.replace("name: ingress", "name: again"),
    ),
  ),
  refused(
    "two rewrites of one path",
    "config.limit",
    strict({
      routes:
        "{ match: { prefix: / }, route: { cluster: up, timeout: 0s, idle_timeout: 0s, prefix_rewrite: /a, regex_rewrite: { pattern: { regex: a }, substitution: b } } }",
    }),
  ),
  refused(
    "weights that are all zero",
    "config.limit",
    strict({
      routes:
        "{ match: { prefix: / }, route: { timeout: 0s, idle_timeout: 0s, weighted_clusters: { clusters: [ { name: up, weight: 0 } ] } } }",
    }),
  ),
  refused(
    "a host that a route removes",
    "config.limit",
    strict({ host: "request_headers_to_remove: [host]" }),
  ),
  refused(
    "TLS without a certificate",
    "config.limit",
    strict({ chain: `transport_socket: ${tls("{}")}` }),
  ),
  refused(
    "a secret that nobody has",
    "config.unknown-secret",
    strict({
      chain: `transport_socket: ${tls("{ tls_certificate_sds_secret_configs: [ { name: a } ] }")}`,
    }),
  ),
  refused(
    "the first protocol of ext_authz",
    "config.limit",
    strict().replace("transport_api_version: V3", "transport_api_version: V2"),
  ),
  refused(
    "a processor without a service",
    "config.limit",
    strict({
      after: `{ name: proc, typed_config: { "@type": ${HTTP}.ext_proc.v3.ExternalProcessor } }`,
    }),
  ),
  refused(
    "a provider of tokens that nobody has",
    "config.limit",
    strict({
      before:
        `{ name: jwt, typed_config: { "@type": ${HTTP}.jwt_authn.v3.JwtAuthentication, rules: [ { match: { prefix: / }, requires: { requires_any: { requirements: [ { provider_name: a }, { allow_missing: {} } ] } } } ] } }`,
    }),
  ),
  refused(
    "one upgrade twice",
    "config.limit",
    strict({
      manager: "upgrade_configs: [ { upgrade_type: websocket }, { upgrade_type: WebSocket } ]",
    }),
  ),
  refused(
    "an address beyond IPv4",
    "config.no-address",
    strict({ address: "{ socket_address: { address: 127.0.0.301, port_value: 10000 } }" }),
  ),
  refused(
    "one layer of the runtime twice",
    "config.limit",
    strict({
      top:
        "layered_runtime: { layers: [ { name: a, static_layer: {} }, { name: a, static_layer: {} } ] }\n",
    }),
  ),
];

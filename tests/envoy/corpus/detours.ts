/** Ways around policy that stand where few look: trees by network, chains of upgrades, an order that routes decide. */
import {
  authz,
  type CorpusCase,
  endpoint,
  HTTP,
  LIMITS,
  ROUTE,
  SOCKET,
  strict,
  TYPE,
} from "./form.ts";

const CLOSED = { denied: false, failing: false };
const AROUND = { denied: true, failing: true };

const MATCHER = "type.googleapis.com/xds.type.matcher.v3";
const EXEMPT = `{ "@type": ${HTTP}.ext_authz.v3.ExtAuthzPerRoute, disabled: true }`;
const CACHE =
  `{ name: cache, typed_config: { "@type": ${HTTP}.cache.v3.CacheConfig, typed_config: { "@type": type.googleapis.com/envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig } } }`;
const ROUTER =
  `{ name: envoy.filters.http.router, typed_config: { "@type": ${HTTP}.router.v3.Router } }`;
const SKIP =
  "{ action: { name: skip, typed_config: { '@type': type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter } } }";
const COMPRESSOR = (enabled: boolean) =>
  `{ name: gzip, typed_config: { "@type": ${HTTP}.compressor.v3.Compressor, response_direction_config: { common_config: { enabled: { default_value: ${enabled}, runtime_key: gzip }, content_type: [text/event-stream] } }, compressor_library: { name: g, typed_config: { "@type": type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip } } } }`;

const byNetwork = (network: string) =>
  `{ name: envoy.filters.http.ext_authz, typed_config: { "@type": type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher, extension_config: ${authz()}, xds_matcher: { matcher_tree: { input: { name: source, typed_config: { "@type": type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3.SourceIPInput } }, custom_match: { name: ip, typed_config: { "@type": ${MATCHER}.IPMatcher, range_matchers: [ { ranges: [ ${network} ], on_match: ${SKIP} } ] } } } } } }`;

const upgrades = (filters: string) =>
  `upgrade_configs: [ { upgrade_type: websocket, filters: [ ${filters}, ${ROUTER} ] } ]`;
const UPGRADE = { connection: "upgrade", upgrade: "websocket" };

/** A listener for clients in front of the strict one, by which alone requests get there. */
const front = (address: string) =>
  strict({
    more: `- { name: inner, type: STATIC, load_assignment: ${endpoint(address)}, ${LIMITS} }`,
  }).replace(
    "  clusters:",
    `  - name: front
    address: { socket_address: { address: 0.0.0.0, port_value: 8080 } }
    filter_chains: [ { filters: [ { name: h, typed_config: { "@type": ${TYPE}.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: f, use_remote_address: true, normalize_path: true, merge_slashes: true, path_with_escaped_slashes_action: REJECT_REQUEST, request_headers_timeout: 10s, always_set_request_id_in_response: true, common_http_protocol_options: { headers_with_underscores_action: REJECT_REQUEST }, local_reply_config: {}, access_log: [ { name: o, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog, log_format: { text_format_source: { inline_string: "%RESPONSE_CODE%\\n" } } } } ], route_config: { virtual_hosts: [ { name: v, domains: ["*"], routes: [ { match: { prefix: / }, route: { cluster: inner, timeout: 0s, idle_timeout: 0s } } ] } ] }, http_filters: [ ${ROUTER} ] } } ] } ]
  clusters:`,
  );

export const DETOURS: readonly CorpusCase[] = [
  {
    name: "Istio: clients of one network are not asked about",
    text: strict({ authz: byNetwork("{ address_prefix: 127.0.0.0, prefix_len: 8 }") }),
    findings: ["policy.partly-enabled"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "by hand: a cache between two engines, of which a route switches the first off",
    text: strict({
      authz: `${authz("one")}, ${CACHE}, ${authz("two")}`,
      routes:
        `{ match: { prefix: / }, route: { cluster: up, timeout: 0s, idle_timeout: 0s }, typed_per_filter_config: { one: ${EXEMPT} } }`,
    }),
    findings: ["policy.answered-before"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "by hand: an upgrade's own policy is switched off",
    text: strict({
      manager: upgrades(authz("own").replace("{ name", "{ disabled: true, name")),
    }),
    findings: ["policy.upgrade-exempt"],
    envoy: "accepts",
    reached: AROUND,
    tries: UPGRADE,
  },
  {
    name: "by hand: an upgrade's own policy fails open",
    text: strict({ manager: upgrades(authz("own", "failure_mode_allow: true")) }),
    findings: ["policy.fail-open"],
    envoy: "accepts",
    reached: { denied: false, failing: true },
    tries: UPGRADE,
  },
  {
    name: "by hand: an upgrade with the same policy",
    text: strict({ manager: upgrades(authz("own")) }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
    tries: UPGRADE,
  },
  {
    name: "Envoy's examples: a listener in front, policy in the next one",
    text: front("{ socket_address: { address: 127.0.0.1, port_value: 10000 } }"),
    findings: [],
    envoy: "accepts",
  },
  {
    name: "Envoy's examples: a listener in front that leads past the one with policy",
    text: front("{ socket_address: { address: 127.0.0.1, port_value: 10001 } }"),
    findings: ["policy.missing"],
    envoy: "accepts",
  },
  {
    name: "Envoy Gateway: a compressor for streams that is switched off",
    text: strict({ before: COMPRESSOR(false) }),
    findings: [],
    envoy: "accepts",
  },
  {
    name: "Envoy Gateway: a compressor for streams",
    text: strict({ before: COMPRESSOR(true) }),
    findings: ["stream.compressed"],
    envoy: "accepts",
  },
  {
    name: "old tutorials: a stream's longest life in the cluster itself",
    text: strict({
      upstream: `type: STATIC, load_assignment: ${
        endpoint(SOCKET)
      }, common_http_protocol_options: { max_stream_duration: 10s }`,
    }),
    findings: ["stream.max-duration"],
    envoy: "accepts",
  },
  {
    name: "Bedrock: requests are signed with their payload",
    text: strict({
      after:
        `{ name: aws, typed_config: { "@type": ${HTTP}.aws_request_signing.v3.AwsRequestSigning, service_name: bedrock, region: eu-west-1 } }`,
    }),
    findings: ["stream.buffered"],
    envoy: "accepts",
  },
  {
    name: "Bedrock: requests are signed without their payload",
    text: strict({
      after:
        `{ name: aws, typed_config: { "@type": ${HTTP}.aws_request_signing.v3.AwsRequestSigning, service_name: bedrock, region: eu-west-1, use_unsigned_payload: true } }`,
    }),
    findings: [],
    envoy: "accepts",
  },
  {
    name: "Envoy: a route's own span tags hold the key",
    text: strict({
      routes:
        "{ match: { prefix: / }, route: { cluster: up, timeout: 0s, idle_timeout: 0s }, tracing: { custom_tags: [ { tag: k, request_header: { name: Authorization } } ] } }",
    }),
    findings: ["edge.secrets-traced"],
    envoy: "accepts",
  },
  {
    name: "Envoy 1.40: spans that are called by the path with its query",
    text: strict({ manager: 'tracing: { operation: "%REQ(:PATH)%" }' }),
    findings: ["edge.secrets-traced"],
    envoy: "accepts",
  },
  {
    name: "by hand: denials that repeat the key",
    text: strict().replace(
      "flags: [UAEX] } }",
      'flags: [NR] } }, body_format_override: { text_format_source: { inline_string: "%REQ(x-api-key)%" } }',
    ),
    findings: ["edge.credential-echoed"],
    envoy: "accepts",
  },
  {
    name: "by hand: the provider's key before policy",
    text: strict({
      before:
        `{ name: key, typed_config: { "@type": ${HTTP}.header_mutation.v3.HeaderMutation, mutations: { request_mutations: [ { append: { header: { key: authorization, value: Bearer a }, append_action: OVERWRITE_IF_EXISTS_OR_ADD } } ] } } }`,
    }),
    findings: ["policy.credential-supplied"],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Istio: faults for everybody",
    text: strict({
      before:
        `{ name: envoy.filters.http.fault, typed_config: { "@type": ${HTTP}.fault.v3.HTTPFault, abort: { http_status: 503, percentage: { numerator: 100 } } } }`,
    }),
    findings: ["traffic.faults"],
    envoy: "accepts",
  },
  {
    name: "old tutorials: a probe by the match of before",
    text: strict({
      routes:
        `{ match: { path: /healthz, headers: [ { name: ":method", exact_match: GET } ] }, route: { cluster: up, timeout: 0s, idle_timeout: 0s }, typed_per_filter_config: { envoy.filters.http.ext_authz: ${EXEMPT} } }, ${ROUTE}`,
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "by hand: a late route behind an expression that matches all",
    text: strict({
      routes:
        "{ match: { prefix: /, headers: [ { name: x-model, string_match: { exact: a } } ] }, route: { cluster: up, timeout: 0s, idle_timeout: 0s } }, { match: { safe_regex: { regex: '.*' } }, direct_response: { status: 404 } }",
      after:
        `{ name: lua, typed_config: { "@type": ${HTTP}.lua.v3.Lua, default_source_code: { inline_string: "function envoy_on_request(h) h:headers():replace('x-model', 'a') h:clearRouteCache() end" } } }`,
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy 1.40: names removed by an expression",
    text: strict({
      removed: ["x-envoy-auth-failure-mode-allowed", "x-envoy-auth-partial-body"],
    }).replace(
      "mutations: [",
      'mutations: [ { remove_on_match: { key_matcher: { safe_regex: { regex: "x-(llm-.*|tenant)" } } } },',
    ),
    findings: [],
    envoy: "accepts",
  },
  {
    name: "by hand: names removed by a script, and set anew",
    text: strict({
      removed: ["x-envoy-auth-failure-mode-allowed", "x-envoy-auth-partial-body"],
      before:
        `{ name: lua, typed_config: { "@type": ${HTTP}.lua.v3.Lua, default_source_code: { inline_string: "function envoy_on_request(h) h:headers():remove('x-tenant') h:headers():remove('X-LLM-Decision-Id') end" } } }, { name: set, typed_config: { "@type": ${HTTP}.header_mutation.v3.HeaderMutation, mutations: { request_mutations: [ { append: { header: { key: x-llm-policy-version, value: none }, append_action: OVERWRITE_IF_EXISTS_OR_ADD } } ] } } }`,
    }),
    findings: [],
    envoy: "accepts",
  },
  {
    name: "by hand: a script that removes a name for some requests",
    text: strict({
      removed: [
        ...["x-llm-decision-id", "x-llm-policy-version"],
        ...["x-envoy-auth-failure-mode-allowed", "x-envoy-auth-partial-body"],
      ],
      before:
        `{ name: lua, typed_config: { "@type": ${HTTP}.lua.v3.Lua, default_source_code: { inline_string: "function envoy_on_request(h) if h:headers():get('a') then h:headers():remove('x-tenant') end end" } } }`,
    }),
    findings: ["edge.trusted-names"],
    envoy: "accepts",
  },
  {
    name: "Envoy 1.40: an admin interface that shows readiness alone",
    text: strict({
      top:
        "admin: { allow_paths: [ { exact: /ready }, { prefix: /stats } ], address: { socket_address: { address: 0.0.0.0, port_value: 19000 } } }\n",
    }),
    findings: [],
    envoy: "accepts",
  },
  {
    name: "Envoy 1.40: an admin interface that shows all but stopping",
    text: strict({
      top:
        "admin: { allow_paths: [ { safe_regex: { regex: '/(?:[^q].*)?' } } ], address: { socket_address: { address: 0.0.0.0, port_value: 19000 } } }\n",
    }),
    findings: ["edge.admin-exposed"],
    envoy: "accepts",
  },
];

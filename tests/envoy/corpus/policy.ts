/** Where policy is asked, and where not: by route, by filter, by what stands around it. */
import {
  authz,
  type CorpusCase,
  endpoint,
  HTTP,
  HTTP2,
  ROUTE,
  SOCKET,
  strict,
  TYPE,
} from "./form.ts";

const CLOSED = { denied: false, failing: false };
const AROUND = { denied: true, failing: true };

const EXEMPT = `{ "@type": ${HTTP}.ext_authz.v3.ExtAuthzPerRoute, disabled: true }`;
const off = (name: string) => `typed_per_filter_config: { ${name}: ${EXEMPT} }`;
const routed = (more: string) =>
  `{ match: { prefix: / }, route: { cluster: up, timeout: 0s, idle_timeout: 0s }, ${more} }`;
const MATCHER =
  `matcher_tree: { input: { name: h, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x-mode } }, exact_match_map: { map:`;
const NODE = "node: { id: a, cluster: b }\n";
const CACHE =
  `{ name: cache, typed_config: { "@type": ${HTTP}.cache.v3.CacheConfig, typed_config: { "@type": type.googleapis.com/envoy.extensions.http.cache.simple_http_cache.v3.SimpleHttpCacheConfig } } }`;
const lua = (script: string) =>
  `{ name: envoy.filters.http.lua, typed_config: { "@type": ${HTTP}.lua.v3.Lua, default_source_code: { inline_string: "${script}" } } }`;

export const POLICY: readonly CorpusCase[] = [
  {
    name: "Envoy Gateway: off in the chain, on by the route",
    text: strict({
      authz: authz("envoy.filters.http.ext_authz/llm").replace("{ name", "{ disabled: true, name"),
      routes: routed(
        'typed_per_filter_config: { envoy.filters.http.ext_authz/llm: { "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {} } }',
      ),
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy Gateway: off in the chain, on by no route",
    text: strict({
      authz: authz("envoy.filters.http.ext_authz/llm").replace("{ name", "{ disabled: true, name"),
    }),
    findings: ["policy.missing"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "Envoy Gateway: off in the chain, on by one route of two",
    text: strict({
      authz: authz("envoy.filters.http.ext_authz/llm").replace("{ name", "{ disabled: true, name"),
      routes:
        `{ match: { prefix: /admin }, route: { cluster: up, timeout: 0s, idle_timeout: 0s }, typed_per_filter_config: { envoy.filters.http.ext_authz/llm: { "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {} } } }, ${ROUTE}`,
    }),
    findings: ["policy.route-exempt"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "Envoy: switched off for a virtual host",
    text: strict({ host: off("envoy.filters.http.ext_authz") }),
    findings: ["policy.route-exempt"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "Envoy: switched off for the whole table",
    text: strict({ table: off("envoy.filters.http.ext_authz") }),
    findings: ["policy.route-exempt"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "Envoy: off for the virtual host, on again by the route",
    text: strict({
      host: off("envoy.filters.http.ext_authz"),
      routes: routed(
        `typed_per_filter_config: { envoy.filters.http.ext_authz: { "@type": ${HTTP}.ext_authz.v3.ExtAuthzPerRoute, check_settings: {} } }`,
      ),
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy: switched off for one cluster of a canary",
    text: strict({
      routes:
        `{ match: { prefix: / }, route: { timeout: 0s, idle_timeout: 0s, weighted_clusters: { clusters: [ { name: up, weight: 100, ${
          off("envoy.filters.http.ext_authz")
        } } ] } } }`,
    }),
    findings: ["policy.route-exempt"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "OPA: exempt by the name that the filter has",
    text: strict({ authz: authz("opa.authz"), routes: routed(off("opa.authz")) }),
    findings: ["policy.route-exempt"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "OPA: exempt by a name that no filter has",
    text: strict({
      authz: authz("opa.authz"),
      routes: routed(off("envoy.filters.http.ext_authz")),
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy: switched off by FilterConfig",
    text: strict({
      routes: routed(
        'typed_per_filter_config: { envoy.filters.http.ext_authz: { "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true, config: {} } }',
      ),
    }),
    findings: ["policy.route-exempt"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "OPA: the body, for one route alone",
    text: strict({
      routes: routed(
        `typed_per_filter_config: { envoy.filters.http.ext_authz: { "@type": ${HTTP}.ext_authz.v3.ExtAuthzPerRoute, check_settings: { with_request_body: { max_request_bytes: 8192 } } } }`,
      ),
    }),
    findings: ["policy.body-buffered"],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "OPA: the body, but not where models are",
    text: strict({
      authzFields: "with_request_body: { max_request_bytes: 8192 }",
      routes: routed(
        `typed_per_filter_config: { envoy.filters.http.ext_authz: { "@type": ${HTTP}.ext_authz.v3.ExtAuthzPerRoute, check_settings: { disable_request_body_buffering: true } } }`,
      ),
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy: a matcher skips the filter",
    text: strict({
      authz:
        `{ name: envoy.filters.http.ext_authz, typed_config: { "@type": type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher, extension_config: ${authz()}, xds_matcher: { ${MATCHER} { skip: { action: { name: s, typed_config: { "@type": ${TYPE}.common.matcher.action.v3.SkipFilter } } } } } } } } }`,
    }),
    findings: ["policy.partly-enabled"],
    envoy: "accepts",
    reached: AROUND,
    tries: { "x-mode": "skip" },
  },
  {
    name: "Envoy: routes in a matcher tree",
    text: strict({
      host:
        `matcher: { ${MATCHER} { a: { action: { name: r, typed_config: { "@type": type.googleapis.com/envoy.config.route.v3.Route, match: { prefix: / }, route: { cluster: up } } } } } } } }`,
    }).replace(/\n +routes: \[.*\n/, "\n"),
    findings: ["stream.route-timeout", "stream.idle-timeout"],
    envoy: "accepts",
    reached: CLOSED,
    tries: { "x-mode": "a" },
  },
  {
    name: "aibrix: a route that a later filter brings about",
    text: strict({
      routes:
        "{ match: { prefix: /, headers: [ { name: x-model, string_match: { exact: a } } ] }, route: { cluster: up, timeout: 0s, idle_timeout: 0s } }",
      after: lua(
        "function envoy_on_request(h) h:headers():replace('x-model', 'a') h:clearRouteCache() end",
      ),
    }),
    findings: ["policy.late-route"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "by hand: an exempt route first, another by a header that a script sets",
    text: strict({
      routes:
        `{ match: { prefix: /, headers: [ { name: x-model, string_match: { exact: a } } ] }, route: { cluster: up, timeout: 0s, idle_timeout: 0s } }, { match: { prefix: / }, direct_response: { status: 200 }, ${
          off("envoy.filters.http.ext_authz")
        } }`,
      after: lua("function envoy_on_request(h) h:headers():add('x-model', 'a') end"),
    }),
    findings: ["policy.late-route"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "by hand: a script that leaves the route alone",
    text: strict({
      routes:
        "{ match: { prefix: /v1, headers: [ { name: x-model, string_match: { exact: a } } ] }, route: { cluster: up, timeout: 0s, idle_timeout: 0s } }",
      after: lua("function envoy_on_request(h) h:logInfo('seen') end"),
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "by hand: upgrades pass filters of their own",
    text: strict({
      manager:
        `upgrade_configs: [ { upgrade_type: websocket, filters: [ { name: envoy.filters.http.router, typed_config: { "@type": ${HTTP}.router.v3.Router } } ] } ]`,
    }),
    findings: ["policy.upgrade-exempt"],
    envoy: "accepts",
    reached: AROUND,
    tries: { connection: "upgrade", upgrade: "websocket" },
  },
  {
    name: "Envoy 1.40: the filter only watches",
    text: strict({ authzFields: "shadow_mode: true" }),
    findings: ["policy.shadow"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "by hand: a TCP listener beside it",
    text: strict({
      more: `- { name: other, type: STATIC, load_assignment: ${endpoint(SOCKET)} }`,
      top: "",
    }).replace(
      "  clusters:",
      `  - name: raw
    address: { socket_address: { address: 127.0.0.1, port_value: 10001 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config: { "@type": ${TYPE}.network.tcp_proxy.v3.TcpProxy, stat_prefix: raw, cluster: up }
  clusters:`,
    ),
    findings: ["policy.tcp-beside"],
    envoy: "accepts",
  },
  {
    name: "by hand: no policy at all",
    text: strict({ authz: "" }),
    findings: ["policy.missing"],
    envoy: "accepts",
  },
  {
    name: "Envoy's examples: a cache before policy",
    text: strict({ before: CACHE }),
    findings: ["policy.answered-before"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "Envoy's examples: a cache after policy",
    text: strict({ after: CACHE }),
    findings: ["policy.cache-shared"],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy: a composite that buffers for some",
    text: strict({
      after:
        `{ name: pick, typed_config: { "@type": type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher, extension_config: { name: composite, typed_config: { "@type": ${HTTP}.composite.v3.Composite } }, xds_matcher: { ${MATCHER} { b: { action: { name: a, typed_config: { "@type": ${HTTP}.composite.v3.ExecuteFilterAction, typed_config: { name: buf, typed_config: { "@type": ${HTTP}.buffer.v3.Buffer, max_request_bytes: 1024 } } } } } } } } } } }`,
    }),
    findings: ["stream.buffered"],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Istio: a filter that comes by ECDS",
    text: strict({
      top: NODE,
      before:
        `{ name: remote, config_discovery: { config_source: { ads: {} }, type_urls: ["${HTTP}.lua.v3.Lua"] } }`,
    }),
    findings: [],
    envoy: "accepts",
    note: /The filter "remote" comes by ECDS/,
  },
  {
    name: "Envoy: names removed by a filter before policy",
    text: strict({
      removed: ["x-other"],
      before:
        `{ name: strip, typed_config: { "@type": ${HTTP}.header_mutation.v3.HeaderMutation, mutations: { request_mutations: [ ${
          [
            ...["x-tenant", "x-llm-decision-id", "x-llm-policy-version"],
            ...["x-envoy-auth-failure-mode-allowed", "x-envoy-auth-partial-body"],
          ].map((name) => `{ remove: ${name} }`).join(", ")
        } ] } } }`,
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Contour: routes by RDS",
    text: strict({ top: NODE }).replace(
      / {10}route_config:[\s\S]*?(?= {10}http_filters)/,
      "          rds: { route_config_name: table, config_source: { ads: {} } }\n",
    ),
    findings: [],
    envoy: "accepts",
    note: /The routes of listener "ingress" come by RDS/,
  },
  {
    name: "Envoy: scopes with an exempt table in one",
    text: strict().replace(
      / {10}route_config:[\s\S]*?(?= {10}http_filters)/,
      `          scoped_routes:
            name: scopes
            scope_key_builder: { fragments: [ { header_value_extractor: { name: x-scope, index: 0 } } ] }
            scoped_route_configurations_list:
              scoped_route_configurations:
              - name: one
                key: { fragments: [ { string_key: one } ] }
                route_configuration: { name: t, ${
        off("envoy.filters.http.ext_authz")
      }, virtual_hosts: [ { name: v, domains: ["*"], routes: [ ${ROUTE} ] } ] }
`,
    ),
    findings: ["policy.route-exempt"],
    envoy: "accepts",
    reached: AROUND,
    tries: { "x-scope": "one" },
  },
  {
    name: "OPA: an engine over Google's gRPC client",
    text: strict({
      authz: authz().replace(
        "envoy_grpc: { cluster_name: pol }",
        'google_grpc: { target_uri: "127.0.0.1:9191", stat_prefix: opa }',
      ),
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "OPA: the engine behind a Unix socket",
    text: strict({
      policy: `type: STATIC, load_assignment: ${
        endpoint("{ pipe: { path: /run/opa/auth.sock } }")
      }, typed_extension_protocol_options: ${HTTP2}`,
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
];

/** Where policy is asked, and where not: by route, by filter, by what stands around it. */
import { authz, type CorpusCase, endpoint, HTTP, ROUTE, SOCKET, strict, TYPE } from "./form.ts";

const CLOSED = { denied: false, failing: false };
const AROUND = { denied: true, failing: true };

const EXEMPT = `{ "@type": ${HTTP}.ext_authz.v3.ExtAuthzPerRoute, disabled: true }`;
const off = (name: string) => `typed_per_filter_config: { ${name}: ${EXEMPT} }`;
const routed = (more: string) =>
  `{ match: { prefix: / }, route: { cluster: up, timeout: 0s, idle_timeout: 0s }, ${more} }`;
const MATCHER =
  `matcher_tree: { input: { name: h, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x-mode } }, exact_match_map: { map:`;
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
];

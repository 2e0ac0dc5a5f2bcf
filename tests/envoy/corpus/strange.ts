/** Strange but possible: runtime layers, wrappers in wrappers, scripts, formats. */
import { authz, type CorpusCase, endpoint, HTTP, ROUTE, strict, TYPE } from "./form.ts";

const CLOSED = { denied: false, failing: false };
const OPEN = { denied: false, failing: true };
const AROUND = { denied: true, failing: true };

const MATCHING = "type.googleapis.com/envoy.extensions.common.matching.v3";
const SETTING = "type.googleapis.com/envoy.config.route.v3.FilterConfig";
const LOGGER = "type.googleapis.com/envoy.extensions.access_loggers";
const SHARE = "filter_enabled: { runtime_key: authz.on, default_value: { numerator: 100 } }";

const routed = (settings: string) =>
  `{ match: { prefix: / }, route: { cluster: up, timeout: 0s, idle_timeout: 0s }, typed_per_filter_config: { ${settings} } }`;
const runtime = (values: string) =>
  `layered_runtime: { layers: [ { name: a, static_layer: { ${values} } } ] }\n`;
const lua = (script: string) =>
  `{ name: lua, typed_config: { "@type": ${HTTP}.lua.v3.Lua, default_source_code: { inline_string: "${script}" } } }`;
const matched = (filter: string, matcher: string) =>
  `{ name: pick, typed_config: { "@type": ${MATCHING}.ExtensionWithMatcher, extension_config: ${filter}, xds_matcher: { ${matcher} } } }`;
const composite = (fields = "") =>
  `{ name: composite, typed_config: { "@type": ${HTTP}.composite.v3.Composite${fields} } }`;
const run = (fields: string) =>
  `{ action: { name: a, typed_config: { "@type": ${HTTP}.composite.v3.ExecuteFilterAction, ${fields} } } }`;
const skip =
  `{ action: { name: s, typed_config: { "@type": ${TYPE}.common.matcher.action.v3.SkipFilter } } }`;
const byMode = (branches: string) =>
  `matcher_tree: { input: { name: h, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x-mode } }, exact_match_map: { map: { ${branches} } } }`;
const nested = (filters: string) =>
  `{ name: sub, typed_config: { "@type": ${HTTP}.filter_chain.v3.FilterChainConfig${filters} } }`;
const custom = (matcher: string) =>
  `{ name: pages, typed_config: { "@type": ${HTTP}.custom_response.v3.CustomResponse, custom_response_matcher: { ${matcher} } } }`;
const page =
  "{ action: { name: a, typed_config: { '@type': type.googleapis.com/envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy, body: { inline_string: sorry } } } }";
const byStatus = (status: string) =>
  `matcher_tree: { input: { name: s, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput } }, exact_match_map: { map: { "${status}": ${page} } } }`;
const text = (format: string) =>
  `[ { name: out, typed_config: { "@type": ${LOGGER}.stream.v3.StdoutAccessLog, log_format: { text_format_source: { inline_string: "${format}" } } } } ]`;

/** Behaviour of a running Envoy with them, measured row by row. */
const LAYERS: readonly CorpusCase[] = [
  {
    name: "Contour: the runtime switches the filter off",
    text: strict({ authzFields: SHARE, top: runtime("authz.on: 0") }),
    findings: ["policy.partly-enabled"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "Contour: the same, as a tree",
    text: strict({ authzFields: SHARE, top: runtime("authz: { on: 0 }") }),
    findings: ["policy.partly-enabled"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "Contour: a fraction of a million in the runtime",
    text: strict({
      authzFields: SHARE,
      top: runtime("authz.on: { numerator: 100, denominator: MILLION }"),
    }),
    findings: ["policy.partly-enabled"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "Contour: a boolean in the runtime is no percentage",
    text: strict({ authzFields: SHARE, top: runtime("authz.on: false") }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Contour: a later layer switches it on again",
    text: strict({
      authzFields: SHARE,
      top:
        "layered_runtime: { layers: [ { name: a, static_layer: { authz.on: 0 } }, { name: b, static_layer: { authz.on: 100 } } ] }\n",
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Contour: off, and the runtime denies what it does not ask about",
    text: strict({
      authzFields:
        "filter_enabled: { default_value: { numerator: 0 } }, deny_at_disable: { runtime_key: authz.deny, default_value: false }",
      top: runtime("authz.deny: true"),
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy: dot segments are resolved by the runtime",
    text: strict({ top: runtime("http_connection_manager.normalize_path: 100") })
      .replace("          normalize_path: true\n", ""),
    findings: [],
    envoy: "accepts",
  },
  {
    name: "Envoy: half of the dot segments",
    text: strict({ top: runtime("http_connection_manager.normalize_path: 50") })
      .replace("          normalize_path: true\n", ""),
    findings: ["edge.path-normalization"],
    envoy: "accepts",
  },
  {
    name: "Envoy: the runtime lets escaped slashes pass after all",
    text: strict({
      top: runtime("http_connection_manager.path_with_escaped_slashes_action_enabled: 0"),
    }),
    findings: ["edge.escaped-slashes"],
    envoy: "accepts",
  },
];

const WRAPPERS: readonly CorpusCase[] = [
  {
    name: "aigw: a composite that asks policy for everybody",
    text: strict({
      authz: matched(composite(), `on_no_match: ${run(`typed_config: ${authz()}`)}`),
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "aigw: a composite with an engine for each branch",
    text: strict({
      authz: matched(
        composite(),
        `${byMode(`a: ${run(`typed_config: ${authz("one")}`)}`)}, on_no_match: ${
          run(`typed_config: ${authz("two")}`)
        }`,
      ),
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "aigw: a composite that asks policy for one branch",
    text: strict({
      authz: matched(composite(), byMode(`a: ${run(`typed_config: ${authz()}`)}`)),
    }),
    findings: ["policy.partly-enabled"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "aigw: a composite with a chain by name, which fails open",
    text: strict({
      authz: matched(
        composite(
          `, named_filter_chains: { safe: { typed_config: [ ${
            authz(undefined, "failure_mode_allow: true")
          } ] } }`,
        ),
        `on_no_match: ${run("filter_chain_name: safe")}`,
      ),
    }),
    findings: ["policy.fail-open"],
    envoy: "accepts",
    reached: OPEN,
  },
  {
    name: "aigw: a composite that asks policy about a sample",
    text: strict({
      authz: matched(
        composite(),
        `on_no_match: ${
          run(`sample_percent: { default_value: { numerator: 0 } }, typed_config: ${authz()}`)
        }`,
      ),
    }),
    findings: ["policy.partly-enabled"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "Envoy 1.40: a chain in the chain, with policy in it",
    text: strict({ authz: nested(`, default_filter_chain: { filters: [ ${authz()} ] }`) }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy 1.40: a chain in the chain that a route switches off whole",
    text: strict({
      authz: nested(`, default_filter_chain: { filters: [ ${authz()} ] }`),
      routes: routed(`sub: { "@type": ${SETTING}, disabled: true }`),
    }),
    findings: ["policy.route-exempt"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "Envoy 1.40: a chain that the route brings",
    text: strict({
      authz: nested(""),
      routes: routed(
        `sub: { "@type": ${HTTP}.filter_chain.v3.FilterChainConfigPerRoute, filter_chain: { filters: [ ${authz()} ] } }`,
      ),
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy: a route with a matcher of its own, which skips policy",
    text: strict({
      authz: matched(authz(), byMode(`none: ${skip}`)),
      routes: routed(
        `pick: { "@type": ${MATCHING}.ExtensionWithMatcherPerRoute, xds_matcher: { on_no_match: ${skip} } }`,
      ),
    }),
    findings: ["policy.route-exempt"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "Envoy: exempt by a TypedStruct in a FilterConfig",
    text: strict({
      routes: routed(
        `envoy.filters.http.ext_authz: { "@type": ${SETTING}, is_optional: true, config: { "@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: ${HTTP}.ext_authz.v3.ExtAuthzPerRoute, value: { disabled: "true" } } }`,
      ),
    }),
    findings: ["policy.route-exempt"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "Envoy: an exempt cluster that nothing is sent to",
    text: strict({
      routes:
        `{ match: { prefix: / }, route: { timeout: 0s, idle_timeout: 0s, weighted_clusters: { clusters: [ { name: up, weight: 100 }, { name: up, weight: 0, typed_per_filter_config: { envoy.filters.http.ext_authz: { "@type": ${HTTP}.ext_authz.v3.ExtAuthzPerRoute, disabled: true } } } ] } } }`,
    }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
];

const SCRIPTS_AND_REPLIES: readonly CorpusCase[] = [
  {
    name: "by hand: a script that asks the model before policy",
    text: strict({
      before: lua(
        "function envoy_on_request(h) local _, b = h:httpCall('up', {[':method']='GET', [':path']='/v1/models', [':authority']='a'}, '', 1000) h:respond({[':status']='200'}, b) end",
      ),
    }),
    findings: ["policy.answered-before"],
    envoy: "accepts",
    reached: AROUND,
  },
  {
    name: "by hand: a script that logs the key",
    text: strict({
      after: lua(
        "function envoy_on_request(h) h:logInfo('k ' .. h:headers():get('authorization')) end",
      ),
    }),
    findings: ["edge.secrets-logged"],
    envoy: "accepts",
  },
  {
    name: "by hand: every answer is made a 200",
    text: strict({
      after: lua("function envoy_on_response(h) h:headers():replace(':status', '200') end"),
    }),
    findings: ["edge.denial-rewritten"],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy Gateway: pages of its own for every answer",
    text: strict({ before: custom(`on_no_match: ${page}`) }),
    findings: ["edge.denial-rewritten"],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy Gateway: a page of its own for 403",
    text: strict({ before: custom(byStatus("403")) }),
    findings: ["edge.denial-rewritten"],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy Gateway: a page of its own for 502",
    text: strict({ before: custom(byStatus("502")) }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
];

const logged = (name: string, format: string): CorpusCase => ({
  name: `log: ${name}`,
  text: strict({ log: text(format) }),
  findings: ["edge.secrets-logged"],
  envoy: "accepts",
});
const silent = (name: string, format: string): CorpusCase => ({
  ...logged(name, format),
  findings: [],
});

const FORMATS: readonly CorpusCase[] = [
  logged("a typed expression with the key", "%TYPED_CEL(request.headers['x-api-key'])%"),
  logged("an expression with the page before", "%CEL(request.referer)%"),
  logged("an expression in brackets", "%CEL(((request.headers['cookie'])))%"),
  logged("Helicone's key", "%REQ(HELICONE-AUTH)%"),
  logged("the key of a function app", "%REQUEST_HEADER(X-FUNCTIONS-KEY):4%"),
  silent("how long a key is", "%CEL(size(request.headers['authorization']))%"),
  silent(
    "the key of a cache, and an organisation",
    "%REQ(IDEMPOTENCY-KEY)% %REQ(OPENAI-ORGANIZATION)%",
  ),
  {
    name: "log: an empty format is the default",
    text: strict({
      log:
        `[ { name: out, typed_config: { "@type": ${LOGGER}.file.v3.FileAccessLog, path: /dev/null, format: "" } } ]`,
    }),
    findings: ["edge.secrets-logged"],
    envoy: "accepts",
  },
];

/** A listener beside the strict one, and the clusters that lead to Envoy's admin interface and to an agent. */
const beside = (routes: string) =>
  strict({
    top: "admin: { address: { socket_address: { address: 127.0.0.1, port_value: 19000 } } }\n",
    more: ["stats", "agent"].map((name, index) =>
      `- { name: ${name}, type: STATIC, load_assignment: ${
        endpoint(
          `{ socket_address: { address: 127.0.0.1, port_value: ${19000 + index} } }`,
        )
      } }\n  `
    ).join(""),
  }).replace(
    "  clusters:",
    `  - name: other
    address: { socket_address: { address: 0.0.0.0, port_value: 15090 } }
    filter_chains: [ { filters: [ { name: h, typed_config: { "@type": ${TYPE}.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: o, route_config: { virtual_hosts: [ { name: v, domains: ["*"], routes: [ ${routes} ] } ] }, http_filters: [ { name: r, typed_config: { "@type": ${HTTP}.router.v3.Router } } ] } } ] } ]
  clusters:`,
  );
const fine = (name: string, routes: string): CorpusCase => ({
  name,
  text: beside(routes),
  findings: [],
  envoy: "accepts",
});

const BESIDE: readonly CorpusCase[] = [
  fine(
    "Envoy Gateway: a listener for its statistics",
    "{ match: { path: /stats/prometheus, headers: [ { name: ':method', string_match: { exact: GET } } ] }, route: { cluster: stats } }",
  ),
  fine(
    "Istio: listeners for statistics and an agent's health",
    "{ match: { prefix: /stats/prometheus }, route: { cluster: stats } }, { match: { prefix: /healthz/ready }, route: { cluster: agent } }",
  ),
  fine(
    "Contour: statistics and readiness",
    "{ match: { path: /ready }, route: { cluster: stats } }, { match: { path: /stats }, route: { cluster: stats } }",
  ),
  fine(
    "by hand: a listener that redirects to HTTPS",
    "{ match: { prefix: / }, redirect: { https_redirect: true } }",
  ),
  {
    ...fine("by hand: a probe's path that leads to the model in any method", ""),
    text: strict({
      routes:
        `{ match: { prefix: /healthz }, route: { cluster: up, timeout: 0s, idle_timeout: 0s, prefix_rewrite: / }, typed_per_filter_config: { envoy.filters.http.ext_authz: { "@type": ${HTTP}.ext_authz.v3.ExtAuthzPerRoute, disabled: true } } }, ${ROUTE}`,
    }),
    findings: ["policy.route-exempt"],
  },
];

export const STRANGE: readonly CorpusCase[] = [
  ...LAYERS,
  ...WRAPPERS,
  ...SCRIPTS_AND_REPLIES,
  ...FORMATS,
  ...BESIDE,
];

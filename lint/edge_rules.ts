/** The edge: one meaning for one request, nothing smuggled in, evidence of what happened. */
import {
  filtersInForce,
  type Ingress,
  isObject,
  type Json,
  type JsonObject,
  type LintModel,
  matchesText,
  objectsAt,
  type Placed,
  placedAt,
  valueAt,
  wholeOf,
} from "../envoy/mod.ts";
import { rewritesDenials } from "./denials.ts";
import { removedHeaders } from "./lua.ts";
import { hasPolicy, type Hit, isProbePath, type LintRule, serving } from "./rule.ts";

/** Rules about the way in. */
export const EDGE_RULES: readonly LintRule[] = [
  {
    id: "edge.admin-exposed",
    severity: "error",
    why: "whoever reaches the admin port can read the configuration and stop Envoy",
    fix: "listen on 127.0.0.1 or on a Unix socket",
    source: "Admin.address",
    check: ({ admin }) => {
      const host = admin && valueAt(admin.value, "address/socket_address/address");
      if (typeof host !== "string" || isLoopback(host) || showsLittle(admin?.value)) return [];
      return [{
        path: `${admin?.path}/address/socket_address/address`,
        found: `the admin interface listens on ${host}`,
      }];
    },
  },
  {
    id: "edge.admin-routed",
    severity: "error",
    why: "whoever finds the path reaches the admin interface through the gateway",
    fix: "take the route away, or let the cluster lead elsewhere",
    source: "Admin.address",
    check: (model) => {
      const port = valueAt(model.admin?.value, "address/socket_address/port_value");
      if (port === undefined) return [];
      const routes = model.ingresses.flatMap((ingress) => ingress.routes)
        .filter((route) => route.forwards && !isProbePath(route));
      return routes.flatMap((route) =>
        route.clusters.filter((name) => leadsTo(model.clusters.get(name), port))
          .map((name) => ({
            path: `${route.path}/route`,
            found: `route ${route.match} leads to the admin interface by the cluster "${name}"`,
          }))
      );
    },
  },
  {
    id: "edge.trusted-names",
    severity: "error",
    why: "what a client sends under a name that only policy may set is taken for policy's word",
    fix: "remove them in `early_header_mutation_extensions`, before policy sees the request",
    case: "sec.tenant-absent-when-none",
    source: "HttpConnectionManager.early_header_mutation_extensions",
    check: unlessRemoved(({ trustedNames }) => trustedNames),
  },
  {
    id: "edge.auth-failure-header",
    severity: "error",
    why:
      "only the ext_authz filter may say that a request passed because policy was down; a client's copy reaches the upstream",
    fix: "remove them in `early_header_mutation_extensions`, too",
    case: "sec.auth-failure-header",
    source: "ExtAuthz.failure_mode_allow_header_add",
    check: unlessRemoved(() => AUTH_HEADERS),
  },
  {
    id: "edge.underscores",
    severity: "error",
    why: "x_tenant and x-tenant are one name to CGI, WSGI and many frameworks",
    fix: "set `headers_with_underscores_action: REJECT_REQUEST`",
    case: "sec.tenant-spoof-variants",
    source: "HttpProtocolOptions.headers_with_underscores_action",
    check: unless(
      "common_http_protocol_options/headers_with_underscores_action",
      (value) => value === "REJECT_REQUEST" || value === "DROP_HEADER",
      "names with underscores pass",
    ),
  },
  {
    id: "edge.path-normalization",
    severity: "error",
    why: "policy decides on /public/../admin, and the upstream serves /admin",
    fix: "set `normalize_path: true`",
    case: "sec.path-dotdot",
    source: "HttpConnectionManager.normalize_path",
    check: (model) =>
      unless(
        "normalize_path",
        (value) => value === true || value === undefined && normalizesByRuntime(model),
        "dot segments are not resolved",
      )(model),
  },
  {
    id: "edge.merge-slashes",
    severity: "error",
    why: "//admin is another path than /admin to policy, and the same to many upstreams",
    fix: "set `merge_slashes: true`",
    case: "sec.path-dotdot",
    source: "HttpConnectionManager.merge_slashes",
    check: unless("merge_slashes", (value) => value === true, "double slashes are not merged"),
  },
  {
    id: "edge.escaped-slashes",
    severity: "error",
    why: "%2F is no slash to policy, and one to many upstreams",
    fix: "set `path_with_escaped_slashes_action: REJECT_REQUEST`",
    case: "sec.path-dotdot",
    also: ["sec.path-escape"],
    source: "HttpConnectionManager.path_with_escaped_slashes_action",
    check: (model) =>
      unless(
        "path_with_escaped_slashes_action",
        (value) => refusesEscapedSlashes(value, model),
        "escaped slashes pass as they are",
      )(model),
  },
  {
    id: "edge.remote-address",
    severity: "error",
    why: "Envoy believes the x-forwarded-for and x-envoy-* headers that a client sends",
    fix: "set `use_remote_address: true` on a listener that clients reach directly",
    case: "sec.x-envoy-strip",
    also: ["sec.xff"],
    source: "HttpConnectionManager.use_remote_address",
    check: unless(
      "use_remote_address",
      (value) => value === true,
      "the peer is not taken for the client",
    ),
  },
  {
    id: "edge.length-and-chunked",
    severity: "error",
    why: "a message with Content-Length and Transfer-Encoding can be read as two requests",
    fix: "take `allow_chunked_length` away",
    case: "sec.cl-te",
    source: "Http1ProtocolOptions.allow_chunked_length",
    check: (model) =>
      model.ingresses.flatMap((ingress) =>
        valueAt(ingress.value, "http_protocol_options/allow_chunked_length") === true
          ? [{
            path: `${ingress.path}/http_protocol_options/allow_chunked_length`,
            found: "both are taken together",
          }]
          : []
      ),
  },
  {
    id: "edge.slow-heads",
    severity: "warning",
    why: "a client that sends its head byte by byte holds a connection for ever",
    fix: "set `request_headers_timeout`, 10 s for one",
    source: "HttpConnectionManager.request_headers_timeout",
    check: unless(
      "request_headers_timeout",
      (value) => value !== undefined && value !== "0s",
      "a request head may take for ever",
    ),
  },
  {
    id: "edge.append-action",
    severity: "warning",
    why: "without an action the value is added to the client's own, and both reach the upstream",
    fix: "set `append_action: OVERWRITE_IF_EXISTS_OR_ADD`",
    source: "HeaderValueOption.append_action",
    check: (model) => model.ingresses.flatMap(unsetAppendActions),
  },
  {
    id: "edge.denial-rewritten",
    severity: "error",
    why:
      "a mapper that goes by status or by the flag UAEX replaces the policy's own denial, and its reason is lost",
    fix:
      "filter on `response.code_details`, or on response flags without UAEX; let filters leave 401, 403 and 429 alone",
    case: "deny.body-and-headers",
    source: "LocalReplyConfig.mappers, body_format; custom response filter",
    check: (model) => model.ingresses.filter(hasPolicy).flatMap(rewritesDenials),
  },
  {
    id: "edge.error-shape",
    severity: "warning",
    why: "clients get Envoy's plain text for its own errors, and OpenAI SDKs cannot read it",
    fix: "give `local_reply_config` a mapper per kind of error",
    case: "fc.error-status",
    source: "HttpConnectionManager.local_reply_config",
    check: unless("local_reply_config", (value) => value !== undefined, "errors are plain text"),
  },
  {
    id: "edge.token-audience",
    severity: "error",
    why: "a token that the issuer gave out for another service is taken here, too",
    fix: "list the audience of this gateway in the provider's `audiences`",
    case: "jwt.wrong-aud",
    source: "JwtProvider.audiences",
    check: (model) =>
      model.ingresses.flatMap((ingress) => filtersInForce(ingress, "JwtAuthentication"))
        .flatMap(({ config, pathOf }) =>
          placedAt({ path: "", value: config }, "providers/*").flatMap(({ path, value }) => {
            const { audiences } = value;
            if (Array.isArray(audiences) && audiences.length > 0) return [];
            const name = path.slice(path.indexOf("/") + 1);
            return [{ path: pathOf(path), found: `the provider "${name}" takes any audience` }];
          })
        ),
  },
  {
    id: "edge.request-id",
    severity: "warning",
    why: "a client cannot name its request to whoever reads the logs",
    fix: "set `always_set_request_id_in_response: true`",
    case: "obs.request-id",
    source: "HttpConnectionManager.always_set_request_id_in_response",
    check: unless(
      "always_set_request_id_in_response",
      (value) => value === true,
      "responses carry no x-request-id",
    ),
  },
  {
    id: "edge.request-id-off",
    severity: "error",
    why: "policy, log and client have no id in common, and nobody can join what they saw",
    fix: "take `generate_request_id: false` away",
    case: "contract.request-id",
    source: "HttpConnectionManager.generate_request_id",
    check: unless("generate_request_id", (value) => value !== false, "requests get no id"),
  },
  {
    id: "edge.access-log",
    severity: "warning",
    why: "nobody can tell afterwards who was let in, and why a stream ended",
    fix: "add an `access_log` with code details and flags",
    source: "HttpConnectionManager.access_log",
    check: unless(
      "access_log",
      (value) => Array.isArray(value) && value.length > 0,
      "there is no access log",
    ),
  },
];

/** Where the runtime has what connection managers leave open. */
const RUNTIME = "http_connection_manager";

/** Headers by which ext_authz names itself, to the upstream and to the engine. */
const AUTH_HEADERS = ["x-envoy-auth-failure-mode-allowed", "x-envoy-auth-partial-body"];

/** A rule for one field of the connection manager. */
function unless(
  field: string,
  fine: (value: Json | undefined) => boolean,
  found: string,
): (model: LintModel) => Hit[] {
  return (model) =>
    serving(model).filter(({ value }) => !fine(valueAt(value, field)))
      .map(({ path, value }) => ({
        path: valueAt(value, field) === undefined ? path : `${path}/${field}`,
        found,
      }));
}

/** The runtime's word where the file says nothing: the key has a percentage. */
function normalizesByRuntime({ runtime }: LintModel): boolean {
  return (wholeOf(`${RUNTIME}.normalize_path`, runtime) ?? 0) >= 100;
}

/** The action on escaped slashes that is in force: the runtime can name it, and take it away. */
function refusesEscapedSlashes(value: Json | undefined, { runtime }: LintModel): boolean {
  const key = `${RUNTIME}.path_with_escaped_slashes_action`;
  const share = wholeOf(`${key}_enabled`, runtime) ?? 100;
  const isOpen = value === undefined || value === "IMPLEMENTATION_SPECIFIC_DEFAULT";
  // By number: REJECT_REQUEST, UNESCAPE_AND_REDIRECT and UNESCAPE_AND_FORWARD.
  const refuses = isOpen
    ? [2, 3, 4].includes(wholeOf(key, runtime) ?? 0)
    : /^(REJECT_REQUEST|UNESCAPE_)/.test(String(value));
  return refuses && share >= 100;
}

/** Paths of the admin interface that read the configuration, or change something (Envoy, Administration interface). */
const POWERFUL_PATHS = `
  /allocprofiler /certs /clusters /config_dump /cpuprofiler /drain_listeners /healthcheck/fail
  /healthcheck/ok /heap_dump /heapprofiler /init_dump /listeners /logging /quitquitquit /reopen_logs
  /reset_counters /runtime /runtime_modify /tap
`.trim().split(/\s+/);

/** Does a list of allowed paths keep all that has power shut? */
function showsLittle(admin: JsonObject | undefined): boolean {
  const allowed = objectsAt(admin?.allow_paths ?? null, "*");
  return allowed.length > 0 &&
    !POWERFUL_PATHS.some((path) => allowed.some((matcher) => matchesText(matcher, path)));
}

/** Has a cluster an endpoint on this machine at that port? */
function leadsTo(cluster: Placed | undefined, port: Json): boolean {
  if (cluster === undefined) return false;
  const addresses = placedAt(
    cluster,
    "load_assignment/endpoints/*/lb_endpoints/*/endpoint/address/socket_address",
  );
  return addresses.some(({ value }) =>
    value.port_value === port && isLoopback(String(value.address))
  );
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

/** Ways in which something before policy takes names away: by themselves, and by matchers. */
interface Removals {
  readonly names: Set<string>;
  readonly matchers: JsonObject[];
}

/** Removals before policy: by early mutation, by the route table for outsiders, by a filter or a script. */
function removedBeforePolicy(ingress: Ingress): Removals {
  const removals: Removals = { names: new Set(), matchers: [] };
  const early = placedAt(ingress, "early_header_mutation_extensions/*/typed_config/mutations/*");
  for (const { value } of early) addRemoval(removals, value);
  if (ingress.value.use_remote_address === true) {
    // Envoy removes these from requests that are not internal.
    for (const table of ingress.routes.map(({ parents }) => parents.at(-1)?.value)) {
      const internal = table?.internal_only_headers;
      if (!Array.isArray(internal)) continue;
      for (const name of internal) removals.names.add(String(name).toLowerCase());
    }
  }
  for (const { type, disabled, conditional, config } of ingress.filters) {
    if (type === "ExtAuthz") break;
    if (disabled || conditional) continue;
    if (type === "HeaderMutation") {
      for (const mutation of objectsAt(config, "mutations/request_mutations/*")) {
        addRemoval(removals, mutation);
      }
    }
    if (type === "Lua") { for (const name of removedHeaders(config)) removals.names.add(name); }
  }
  return removals;
}

/** One mutation of headers: what is set anew is no longer the client's, either. */
function addRemoval({ names, matchers }: Removals, mutation: JsonObject): void {
  if (typeof mutation.remove === "string") names.add(mutation.remove.toLowerCase());
  const matcher = valueAt(mutation, "remove_on_match/key_matcher");
  if (isObject(matcher)) matchers.push(matcher);
  const key = valueAt(mutation, "append/header/key");
  const action = String(valueAt(mutation, "append/append_action"));
  if (typeof key === "string" && action === "OVERWRITE_IF_EXISTS_OR_ADD") {
    names.add(key.toLowerCase());
  }
}

/** A rule for names that must be removed before policy. */
function unlessRemoved(
  wanted: (model: LintModel) => readonly string[],
): (model: LintModel) => Hit[] {
  return (model) =>
    model.ingresses.filter(hasPolicy).flatMap((ingress) => {
      const { names, matchers } = removedBeforePolicy(ingress);
      const kept = wanted(model).filter((name) =>
        !names.has(name) && !matchers.some((matcher) => matchesText(matcher, name))
      );
      if (kept.length === 0) return [];
      return [{ path: ingress.path, found: `a client's own ${kept.join(", ")} is not removed` }];
    });
}

/** Headers that routes, virtual hosts and tables add to requests without saying how. */
function unsetAppendActions(ingress: Ingress): Hit[] {
  const seen = new Map<string, Hit>();
  for (const route of ingress.routes) {
    for (const holder of [route, ...route.parents]) {
      for (const { path, value } of placedAt(holder, "request_headers_to_add/*")) {
        if (value.append_action !== undefined || value.append !== undefined) continue;
        const key = valueAt(value, "header/key");
        seen.set(path, { path, found: `"${key}" is appended to what the client sent` });
      }
    }
  }
  return [...seen.values()];
}

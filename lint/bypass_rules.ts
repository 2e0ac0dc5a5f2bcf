/** Ways around policy: what answers, forwards or chooses a route before, beside or after ext_authz. */
import {
  type FilterOnRoute,
  filterOnRoute,
  filtersInForce,
  type HttpFilter,
  type Ingress,
  valueAt,
} from "../envoy/mod.ts";
import { calledClusters, clearsRouteCache } from "./lua.ts";
import { asksPolicy, hasPolicy, type Hit, type LintRule } from "./rule.ts";

/** Filters that answer by themselves or forward by themselves, and what they do, by type. */
const ANSWERING: Readonly<Record<string, string>> = {
  CacheConfig: "answers from its cache, and fetches what it lacks past the filters behind it,",
  CacheV2Config: "answers from its cache, and fetches what it lacks past the filters behind it,",
  FileServerConfig: "answers with files",
  McpRouter: "forwards to MCP servers by itself",
};

/** Rules about the order of things, each measured on a real Envoy. */
export const BYPASS_RULES: readonly LintRule[] = [
  {
    id: "policy.late-route",
    severity: "error",
    why:
      "ext_authz is not asked about a request that has no route yet, or an exempt one; a filter after it then finds a route that forwards",
    fix:
      "put the filter before ext_authz, keep it from choosing the route again, or let a last route without conditions answer the rest under policy",
    case: "fc.no-route-bypass",
    also: ["route.no-reroute-bypass"],
    source: "ext_authz filter, route cache",
    check: (model) => model.ingresses.filter(hasPolicy).flatMap(lateRoutes),
  },
  {
    id: "policy.answered-before",
    severity: "error",
    why: "what the filter answers or fetches by itself reaches the client without a decision",
    fix: "put ext_authz before it",
    case: "deny.no-credential",
    source: "HttpConnectionManager.http_filters",
    check: (model) =>
      model.ingresses.filter(hasPolicy)
        .flatMap((ingress) => [...answeredBefore(ingress), ...calledBefore(ingress)]),
  },
  {
    id: "policy.cache-shared",
    severity: "warning",
    why:
      "Envoy keeps answers by URL and knows `authorization` alone as a credential: the answer for one key goes to another",
    fix: "take the cache out of the chain, or let answers say `vary` or `no-store`",
    source: "Cache filter",
    check: (model) =>
      model.ingresses.filter(hasPolicy).flatMap((ingress) =>
        after(ingress, (filter) => /^Cache(V2)?Config$/.test(filter.type)).map(({ filter }) => ({
          path: filter.path,
          found: `the filter "${filter.name}" shares answers among clients`,
        }))
      ),
  },
  {
    id: "policy.upgrade-exempt",
    severity: "error",
    why: "a request that asks for an upgrade passes a chain of its own, without policy",
    fix:
      "leave `filters` of the upgrade away, so that it passes the whole chain, or put ext_authz in",
    case: "deny.no-credential",
    source: "HttpConnectionManager.UpgradeConfig.filters",
    check: (model) => model.ingresses.filter(hasPolicy).flatMap(upgradesWithoutPolicy),
  },
  {
    id: "policy.tcp-beside",
    severity: "error",
    why: "who speaks to that port reaches the model server and nobody is asked",
    fix: "take the listener away, or let it listen where clients cannot reach it",
    source: "TcpProxy.cluster",
    check: (model) => {
      const judged = new Set(
        model.ingresses.filter(hasPolicy).flatMap(({ routes }) => routes)
          .flatMap(({ clusters }) => clusters),
      );
      return model.tcpProxies.flatMap(({ path, listener, clusters }): Hit[] => {
        const shared = clusters.filter((name) => judged.has(name));
        if (shared.length === 0) return [];
        return [{
          path,
          found: `the listener "${listener}" passes bytes to ${shared.join(", ")} as they are`,
        }];
      });
    },
  },
  {
    id: "policy.headers-hidden",
    severity: "warning",
    why: "policy decides without the headers that it is not shown",
    fix: "take `allowed_headers` and `disallowed_headers` away, or list what your engine reads",
    source: "ExtAuthz.allowed_headers",
    check: (model) =>
      model.ingresses.flatMap((ingress) => filtersInForce(ingress, "ExtAuthz"))
        .flatMap(({ config, pathOf }) =>
          ["allowed_headers", "disallowed_headers"].filter((field) => config[field] !== undefined)
            .map((field) => ({ path: pathOf(field), found: "the engine sees some of the headers" }))
        ),
  },
];

/** Returns the filters after the last one that asks policy. */
function after(ingress: Ingress, wanted: (filter: HttpFilter) => boolean): FilterOnRoute[] {
  const last = ingress.filters.findLastIndex(({ type }) => type === "ExtAuthz");
  return filtersInForce(ingress)
    .filter(({ filter }) => ingress.filters.indexOf(filter) > last && wanted(filter));
}

/** Returns the filters that run, on some route, before the first one that asks policy there. */
function before(ingress: Ingress, wanted: (filter: HttpFilter) => boolean): FilterOnRoute[] {
  return filtersInForce(ingress)
    .filter(({ filter }) => wanted(filter) && runsBeforePolicy(ingress, filter));
}

/** Does a filter run before policy is asked, on some route that forwards? */
export function runsBeforePolicy({ filters, routes }: Ingress, filter: HttpFilter): boolean {
  const at = filters.indexOf(filter);
  const asks = (one: HttpFilter, route: Ingress["routes"][number]) =>
    one.type === "ExtAuthz" && filterOnRoute(one, route).state === "on";
  return routes.some((route) =>
    route.forwards && filterOnRoute(filter, route).state !== "off" &&
    !filters.slice(0, at).some((one) => asks(one, route)) &&
    filters.slice(at + 1).some((one) => asks(one, route))
  );
}

function answeredBefore(ingress: Ingress): Hit[] {
  return before(ingress, ({ type }) => Boolean(ANSWERING[type])).map(({ filter }) => ({
    path: filter.path,
    found: `the filter "${filter.name}" ${ANSWERING[filter.type]} before policy is asked`,
  }));
}

/** Scripts before policy that ask a model server themselves: undecided requests reach it. */
function calledBefore(ingress: Ingress): Hit[] {
  const routed = new Set(ingress.routes.flatMap(({ clusters }) => clusters));
  return before(ingress, ({ type }) => type === "Lua").flatMap(({ filter, config, by }) =>
    calledClusters(config).filter((cluster) => routed.has(cluster)).map((cluster) => ({
      path: by?.path ?? filter.path,
      found: `the script of "${filter.name}" calls "${cluster}" before policy is asked`,
    }))
  );
}

/**
 * A filter after policy that lets the route be chosen again, while some request has no route at first, or one that
 * nobody asks policy about, and a route that forwards waits for what the filter changes.
 */
function lateRoutes(ingress: Ingress): Hit[] {
  const filters = after(ingress, () => true);
  const unasked = ingress.routes.filter((route) => !asksPolicy(ingress, route));
  const open = !ingress.coversAll || unasked.length > 0;
  if (!open) return [];
  const forwards = ingress.routes.filter((route) => route.forwards);
  const waiting = {
    anything: forwards,
    headers: forwards.filter(({ conditions }) => conditions.length > 0),
  };
  return filters.flatMap((acting): Hit[] => {
    const { filter, by } = acting;
    const changed = rerouting(acting);
    if (changed === undefined) return [];
    const waits = waiting[changed];
    if (waits.length === 0 && !(filter.type === "OnDemand" && ingress.routesMissing)) return [];
    const [route] = waits;
    const why = unasked.length > 0 && ingress.coversAll
      ? `route ${unasked[0]?.match} is not asked about`
      : "a request may have no route at first";
    return [{
      path: by?.path ?? filter.path,
      found: route === undefined
        ? `the filter "${filter.name}" fetches routes after policy was to be asked`
        : `${why}, and the filter "${filter.name}" can then lead it to route ${route.match}`,
    }];
  });
}

/** Returns what a filter can change before the route is chosen again; `undefined` when it does not let it be. */
function rerouting({ filter, config }: FilterOnRoute): "headers" | "anything" | undefined {
  switch (filter.type) {
    case "Lua":
      if (!clearsRouteCache(config)) return undefined;
      return /:path/.test(JSON.stringify(config)) ? "anything" : "headers";
    case "ExternalProcessor": {
      const mode = valueAt(config, "processing_mode/request_header_mode");
      if (
        mode === "SKIP" &&
        (valueAt(config, "processing_mode/request_body_mode") ?? "NONE") === "NONE"
      ) {
        return undefined;
      }
      if (config.observability_mode === true || config.disable_clear_route_cache === true) {
        return undefined;
      }
      if (config.route_cache_action === "RETAIN") return undefined;
      if (valueAt(config, "mutation_rules/disallow_all") === true) return undefined;
      return valueAt(config, "mutation_rules/allow_all_routing") === true ? "anything" : "headers";
    }
    case "OnDemand":
      return "anything";
    case "TransformConfig":
    case "JsonToMetadata":
    case "Config":
    case "SetFilterState":
    case "McpFilter":
      return config.clear_route_cache === true ? "headers" : undefined;
    case "Wasm":
    case "DynamicModuleFilter":
      return "anything";
    default:
      return undefined;
  }
}

function upgradesWithoutPolicy(ingress: Ingress): Hit[] {
  return ingress.upgrades.flatMap(({ path, type, ingress: own }): Hit[] => {
    // Routes whose plain requests are not put before policy, either, are another rule's.
    const asked = own.routes.filter((route) => route.forwards && asksPolicy(ingress, route));
    if (asked.every((route) => asksPolicy(own, route)) && hasPolicy(own)) return [];
    return [{
      path: `${path}/filters`,
      found: `requests that upgrade to ${type} pass filters of their own`,
    }];
  });
}

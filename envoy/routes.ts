/** Routes of a connection manager: of lists, of matcher trees, and by weight. */
import { messagesWithin, type Placed, placedAt } from "./placed.ts";
import { isObject, type Json, valueAt } from "./tree.ts";

/** One route, with what it inherits from. A route to several clusters that differ in their filters is one for each. */
export interface Route extends Placed {
  /** `/v1/`, `/healthz`, `^/v1/.*$`: what it matches, for people. */
  readonly match: string;
  /** Does it forward? Redirects and direct responses do not. */
  readonly forwards: boolean;
  /** Names of the clusters that it forwards to; those that are chosen per request are not known. */
  readonly clusters: readonly string[];
  /** Where it forwards to, for people: names, or how the cluster is chosen. */
  readonly target: string;
  /** Its parents: the virtual host first, then the route table. */
  readonly parents: readonly Placed[];
  /** Where settings per filter are looked for, the nearest first: weighted cluster, route, virtual host, table. */
  readonly levels: readonly Placed[];
  /** Does it match on more than path and method, so that a later filter can make it match? */
  readonly conditions: readonly string[];
  /** Does every request of its virtual host match it? */
  readonly catchAll: boolean;
}

/** The routes of a table, in the order in which Envoy looks at them. */
export function routesOf(table: Placed): Route[] {
  return placedAt(table, "virtual_hosts/*").flatMap((host) => {
    const listed = placedAt(host, "routes/*");
    const matched = placedAt(host, "matcher").flatMap((matcher) =>
      messagesWithin(matcher, ["Route", "RouteList"]).flatMap((found) =>
        Array.isArray(found.value.routes) ? placedAt(found, "routes/*") : [found]
      )
    );
    return [
      ...listed.flatMap((route) => variants(route, [host, table])),
      ...matched.flatMap((route) => variants(route, [host, table]))
        // The tree decides who gets there.
        .map((route) => ({
          ...route,
          catchAll: false,
          conditions: [...route.conditions, "matcher"],
        })),
    ];
  });
}

function variants(route: Placed, parents: readonly Placed[]): Route[] {
  const action = { path: `${route.path}/route`, value: route.value.route ?? null };
  const weighted = weightedOf(action);
  const base = {
    ...route,
    match: matchOf(route.value.match),
    forwards: isObject(route.value.route),
    parents,
    conditions: conditionsOf(route.value.match),
    catchAll: isCatchAll(route.value.match),
  };
  const own = weighted.filter(({ value }) => value.typed_per_filter_config !== undefined);
  const rest = weighted.filter((one) => !own.includes(one));
  const common: Route = {
    ...base,
    ...targetOf(action.value, rest),
    levels: [route, ...parents],
  };
  const special = own.map((cluster): Route => ({
    ...base,
    ...targetOf(null, [cluster]),
    levels: [cluster, route, ...parents],
  }));
  return weighted.length > 0 && rest.length === 0 ? special : [common, ...special];
}

/** The clusters of a route by weight, without those that nothing is sent to. */
function weightedOf(action: Placed<Json>): Placed[] {
  const all = placedAt(action, "weighted_clusters/clusters/*");
  if (valueAt(action.value, "weighted_clusters/runtime_key_prefix") !== undefined) return all;
  return all.filter(({ value }) => value.weight !== 0);
}

function targetOf(
  action: Json,
  weighted: readonly Placed[],
): Pick<Route, "clusters" | "target"> {
  const names: string[] = [];
  const ways: string[] = [];
  for (const one of [action, ...weighted.map(({ value }) => value)]) {
    if (!isObject(one)) continue;
    const name = one.cluster ?? (one === action ? undefined : one.name);
    if (typeof name === "string" && name !== "") names.push(name);
    if (typeof one.cluster_header === "string") {
      ways.push(`what the header ${one.cluster_header} names`);
    }
    const plugin = one.cluster_specifier_plugin ??
      valueAt(one, "inline_cluster_specifier_plugin/extension/name");
    if (typeof plugin === "string") ways.push(`what the plugin ${plugin} chooses`);
  }
  const target = [...names, ...ways].join(", ");
  return { clusters: names, target: target === "" ? "a cluster" : target };
}

function matchOf(match: Json | undefined): string {
  if (!isObject(match)) return "?";
  const regex = valueAt(match, "safe_regex/regex");
  const text = match.prefix ?? match.path ?? match.path_separated_prefix ?? regex;
  if (typeof text === "string") return text;
  return match.connect_matcher === undefined ? "?" : "CONNECT";
}

/** Returns the conditions of a match beside the path: each can change before the route is chosen again. */
function conditionsOf(match: Json | undefined): string[] {
  if (!isObject(match)) return [];
  const headers = Array.isArray(match.headers) ? match.headers : [];
  return [
    ...headers.flatMap((header) => {
      const name = isObject(header) ? header.name : undefined;
      return typeof name === "string" && name !== ":method" ? [name] : [];
    }),
    ...["dynamic_metadata", "filter_state", "query_parameters", "cookies"]
      .filter((key) => match[key] !== undefined),
  ];
}

function isCatchAll(match: Json | undefined): boolean {
  if (!isObject(match)) return false;
  const { prefix } = match;
  const only = Object.keys(match).every((key) =>
    key === "prefix" || key === "safe_regex" || key === "case_sensitive"
  );
  const pattern = String(valueAt(match, "safe_regex/regex"));
  return only && (prefix === "/" || prefix === "" || /^\^?\/?\.\*\$?$/.test(pattern));
}

/** Does the table answer every request, whatever its host and path? Then no filter can bring a first route. */
export function coversAll(table: Placed, routes: readonly Route[]): boolean {
  return placedAt(table, "virtual_hosts/*").some((host) =>
    Array.isArray(host.value.domains) && host.value.domains.includes("*") &&
    routes.some((route) => route.catchAll && route.parents[0]?.path === host.path)
  );
}

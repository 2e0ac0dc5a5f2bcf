import { isObject, type Json, type JsonObject, valueAt } from "./tree.ts";

/** A value and where it stands: keys and indices joined by slashes. */
export interface Placed<T = JsonObject> {
  readonly path: string;
  readonly value: T;
}

/** One HTTP filter of a connection manager, in the order of the chain. */
export interface HttpFilter extends Placed {
  readonly name: string;
  /** Last part of its type, such as `ExtAuthz`; empty when it has no configuration. */
  readonly type: string;
  readonly config: JsonObject;
  readonly configPath: string;
}

/** One route, with the virtual host and the table that it inherits from. */
export interface Route extends Placed {
  /** `/v1/`, `/healthz`, `^/v1/.*$`: what it matches, for people. */
  readonly match: string;
  /** Clusters that it forwards to; empty for redirects and direct responses. */
  readonly clusters: readonly string[];
  /** What it inherits from: the virtual host first, then the route table. */
  readonly parents: readonly Placed[];
}

/** An HTTP connection manager: one way in. */
export interface Ingress extends Placed {
  readonly listener: string;
  readonly filters: readonly HttpFilter[];
  readonly routes: readonly Route[];
  /** The routes come from elsewhere (RDS) and are not in this file. */
  readonly routesMissing: boolean;
}

/** A route of a model router's `routes.json`, as far as Envoy is concerned. */
export interface ModelRoute {
  readonly name: string;
  /** Whole path segments: `/v1/chat`. */
  readonly pathPrefix: string;
}

/** What the rules look at. */
export interface LintModel {
  readonly admin: Placed | undefined;
  readonly ingresses: readonly Ingress[];
  readonly clusters: ReadonlyMap<string, Placed>;
  /** Names that only policy may set. */
  readonly trustedNames: readonly string[];
  /** Routes of the model router behind ext_proc; undefined when they are not known. */
  readonly modelRoutes: readonly ModelRoute[] | undefined;
}

/** Where a bootstrap and a `/config_dump` keep the same things. */
const LISTENERS = [
  "static_resources/listeners/*",
  "configs/*/static_listeners/*/listener",
  "configs/*/dynamic_listeners/*/active_state/listener",
];
const CLUSTERS = [
  "static_resources/clusters/*",
  "configs/*/static_clusters/*/cluster",
  "configs/*/dynamic_active_clusters/*/cluster",
];
const ROUTE_TABLES = [
  "configs/*/dynamic_route_configs/*/route_config",
  "configs/*/static_route_configs/*/route_config",
];
const ADMINS = ["admin", "configs/*/bootstrap/admin"];

/** Reads what the rules need out of a bootstrap or a configuration dump. */
export function lintModel(
  root: Json,
  { trustedNames, modelRoutes }: Pick<LintModel, "trustedNames" | "modelRoutes">,
): LintModel {
  const clusters = new Map<string, Placed>();
  for (const cluster of objectsWithin(root, CLUSTERS)) {
    clusters.set(String(cluster.value.name), cluster);
  }
  const tables = objectsWithin(root, ROUTE_TABLES);
  const ingresses = objectsWithin(root, LISTENERS).flatMap((listener) => [
    ...managersOf(listener, tables, "filter_chains/*/filters/*/typed_config"),
    ...managersOf(listener, tables, "default_filter_chain/filters/*/typed_config"),
  ]);
  const [admin] = objectsWithin(root, ADMINS);
  return { admin, ingresses, clusters, trustedNames, modelRoutes };
}

/** Returns the mappings that a pattern finds, with their places. */
export function placedAt(from: Placed<Json>, pattern: string): Placed[] {
  let found: Placed<Json>[] = [from];
  for (const step of pattern.split("/")) {
    found = found.flatMap(({ path, value }) => {
      if (typeof value !== "object" || value === null) return [];
      const keys = step === "*" ? Object.keys(value) : Object.hasOwn(value, step) ? [step] : [];
      return keys.map((key) => ({
        path: path === "" ? key : `${path}/${key}`,
        value: (value as JsonObject)[key] ?? null,
      }));
    });
  }
  return found.filter((place): place is Placed => isObject(place.value));
}

/** Last part of a type URL: `ExtAuthz` of `type.googleapis.com/envoy….v3.ExtAuthz`. */
export function typeName(config: Json | undefined): string {
  const type = isObject(config) ? config["@type"] : undefined;
  return typeof type === "string" ? type.slice(type.lastIndexOf(".") + 1) : "";
}

/** Returns the first filter of a type, unless the chain has it switched off. */
export function filterOf(ingress: Ingress, type: string): HttpFilter | undefined {
  return ingress.filters.find((filter) => filter.type === type && filter.value.disabled !== true);
}

/** Seconds of a protobuf duration (`1.5s`), or `undefined` for anything else. */
export function seconds(value: Json | undefined): number | undefined {
  const found = typeof value === "string" ? /^(\d+(?:\.\d+)?)s$/.exec(value) : null;
  return found?.[1] === undefined ? undefined : Number(found[1]);
}

function objectsWithin(root: Json, patterns: readonly string[]): Placed[] {
  return patterns.flatMap((pattern) => placedAt({ path: "", value: root }, pattern));
}

function managersOf(listener: Placed, tables: readonly Placed[], pattern: string): Ingress[] {
  const found = placedAt(listener, pattern);
  return found.filter(({ value }) => typeName(value) === "HttpConnectionManager")
    .map((manager) => {
      const own = placedAt(manager, "route_config");
      const name = valueAt(manager.value, "rds/route_config_name");
      const remote = tables.filter(({ value }) => name !== undefined && value.name === name);
      const routeTables = own.length > 0 ? own : remote;
      return {
        ...manager,
        listener: String(listener.value.name ?? ""),
        filters: placedAt(manager, "http_filters/*").map(httpFilter),
        routes: routeTables.flatMap(routesOf),
        routesMissing: routeTables.length === 0,
      };
    });
}

function httpFilter({ path, value }: Placed): HttpFilter {
  const config = isObject(value.typed_config) ? value.typed_config : {};
  return {
    path,
    value,
    name: String(value.name ?? ""),
    type: typeName(config),
    config,
    configPath: `${path}/typed_config`,
  };
}

function routesOf(table: Placed): Route[] {
  return placedAt(table, "virtual_hosts/*").flatMap((host) =>
    placedAt(host, "routes/*").map((route) => ({
      ...route,
      match: matchOf(route.value.match),
      clusters: clustersOf(route.value.route),
      parents: [host, table],
    }))
  );
}

function matchOf(match: Json | undefined): string {
  if (!isObject(match)) return "?";
  const regex = valueAt(match, "safe_regex/regex");
  const text = match.prefix ?? match.path ?? match.path_separated_prefix ?? regex;
  return typeof text === "string" ? text : "?";
}

function clustersOf(action: Json | undefined): string[] {
  if (!isObject(action)) return [];
  const weighted = placedAt({ path: "", value: action }, "weighted_clusters/clusters/*");
  const names = [action.cluster, ...weighted.map(({ value }) => value.name)]
    .filter((name): name is string => typeof name === "string");
  // A cluster chosen by header or plugin is a cluster all the same.
  return names.length > 0 ? names : ["?"];
}

/** The model that rules look at: ways in, routes, filters and clusters of a configuration, wherever it keeps them. */
import { type FilterOnRoute, filterOnRoute } from "./filter_on_route.ts";
import { broughtByRoutes, chainOf, type DiscoveredFilters, type HttpFilter } from "./filters.ts";
import { type Placed, placedAt, typeName } from "./placed.ts";
import { coversAll, type Route, routesOf } from "./routes.ts";
import { runtimeOf, type RuntimeValues } from "./runtime.ts";
import { isObject, type Json, type JsonObject, objectsAt, valueAt } from "./tree.ts";

/** An HTTP connection manager: one way in. */
export interface Ingress extends Placed {
  readonly listener: string;
  /** The filter chain of the listener that it stands in. */
  readonly listenerPlace: Placed;
  readonly filters: readonly HttpFilter[];
  readonly routes: readonly Route[];
  /** Does the route table answer every request, so that none is without a route? */
  readonly coversAll: boolean;
  /** The routes come from elsewhere (RDS, VHDS) and are not in this file. */
  readonly routesMissing: boolean;
  /** Chains of their own that requests pass which ask for an upgrade. */
  readonly upgrades: readonly UpgradeChain[];
}

/** An upgrade with filters of its own, in place of the connection manager's. */
export interface UpgradeChain extends Placed {
  /** `websocket`, as it is written. */
  readonly type: string;
  /** The same way in, with the filters of the upgrade. */
  readonly ingress: Ingress;
}

/** A listener that passes bytes on to clusters without looking at requests. */
export interface TcpProxy extends Placed {
  readonly listener: string;
  readonly clusters: readonly string[];
}

/** A route of a model router's `routes.json`, as far as Envoy is concerned. */
export interface ModelRoute {
  readonly name: string;
  /** Whole path segments: `/v1/chat`. */
  readonly pathPrefix: string;
}

/** The parts of a configuration that the rules look at. */
export interface LintModel {
  readonly root: JsonObject;
  readonly admin: Placed | undefined;
  readonly listeners: readonly Placed[];
  readonly ingresses: readonly Ingress[];
  readonly tcpProxies: readonly TcpProxy[];
  readonly clusters: ReadonlyMap<string, Placed>;
  /** HTTP filters of clusters, and of the router before its upstreams. */
  readonly upstreamFilters: readonly HttpFilter[];
  /** Values of the static runtime layers. */
  readonly runtime: RuntimeValues;
  /** Names that only policy may set. */
  readonly trustedNames: readonly string[];
  /** Routes of the model router behind ext_proc; undefined when they are not known. */
  readonly modelRoutes: readonly ModelRoute[] | undefined;
  /** Parts that could not be looked at, and why; one sentence each. */
  readonly notes: readonly string[];
}

/** Where a bootstrap, a `/config_dump` (whole, or by `?resource=`) and lists of resources keep the same things. */
const LISTENERS = [
  "static_resources/listeners/*",
  "configs/*/static_listeners/*/listener",
  "configs/*/dynamic_listeners/*/active_state/listener",
  ...[
    "configs/*/listener",
    "configs/*/active_state/listener",
    "configs/*/static_resources/listeners/*",
  ],
];
const CLUSTERS = [
  "static_resources/clusters/*",
  "configs/*/static_clusters/*/cluster",
  "configs/*/dynamic_active_clusters/*/cluster",
  ...["configs/*/cluster", "configs/*/static_resources/clusters/*"],
];
const ROUTE_TABLES = [
  "configs/*/dynamic_route_configs/*/route_config",
  "configs/*/static_route_configs/*/route_config",
  "configs/*/route_config",
];
const SCOPES = [
  "configs/*/inline_scoped_route_configs/*/scoped_route_configs/*",
  "configs/*/dynamic_scoped_route_configs/*/scoped_route_configs/*",
];
const RESOURCES = ["resources/*", "resources/*/resource"];
const ADMINS = ["admin", "configs/*/bootstrap/admin", "configs/*/admin"];
/** Networks of a listener that hold filters. */
const CHAINS = ["filter_chains/*", "default_filter_chain"];
export const HTTP_OPTIONS =
  "typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/** Reads what the rules need out of a bootstrap, a configuration dump, or resources, in canonical form. */
export function lintModel(
  root: Json,
  options: Pick<LintModel, "trustedNames" | "modelRoutes"> & { readonly listener?: string },
): LintModel {
  const resource = (type: string) =>
    within(root, RESOURCES).filter(({ value }) => typeName(value) === type);
  const notes: string[] = [];
  const clusters = new Map<string, Placed>();
  for (const cluster of [...within(root, CLUSTERS), ...resource("Cluster")]) {
    clusters.set(String(cluster.value.name), cluster);
  }
  const tables = [...within(root, ROUTE_TABLES), ...resource("RouteConfiguration")];
  const scopes = [...within(root, SCOPES), ...resource("ScopedRouteConfiguration")];
  const discovered: DiscoveredFilters = new Map(
    within(root, ["configs/*/ecds_filters/*/ecds_filter", "configs/*/ecds_filter"]).flatMap((
      filter,
    ) => placedAt(filter, "typed_config").map((config) => [String(filter.value.name), config])),
  );
  const listeners = [...within(root, LISTENERS), ...resource("Listener")]
    .filter(({ value }) => options.listener === undefined || value.name === options.listener);
  const ingresses = listeners.flatMap((listener) =>
    managersOf(listener).map((manager) =>
      ingressOf(listener, manager, { tables, scopes, discovered, notes })
    )
  );
  // A connection manager alone, as it stands in somebody's notes.
  for (const manager of resource("HttpConnectionManager")) {
    const holder = { path: manager.path, value: { name: manager.value.stat_prefix ?? "" } };
    ingresses.push(ingressOf(holder, manager, { tables, scopes, discovered, notes }));
  }
  // Resources may be routes alone: their listener stands in another file.
  if (
    listeners.length === 0 && tables.length > 0 && Array.isArray((root as JsonObject).resources)
  ) {
    notes.push("There are routes but no listener in it: which filters they pass is not known");
  }
  const upstreamFilters = [
    ...[...clusters.values()].map((cluster) =>
      chainOf(cluster, `${HTTP_OPTIONS}/http_filters/*`, discovered)
    ),
    ...ingresses.flatMap(({ filters }) => filters.filter(({ type }) => type === "Router"))
      .map(({ config, configPath }) =>
        chainOf({ path: configPath, value: config }, "upstream_http_filters/*", discovered)
      ),
  ];
  notes.push(...upstreamFilters.flatMap(({ unread }) => unread), ...discoveryNotes(root));
  const [admin] = within(root, ADMINS);
  return {
    root: isObject(root) ? root : {},
    admin,
    listeners,
    ingresses,
    tcpProxies: listeners.flatMap(tcpProxiesOf),
    clusters,
    upstreamFilters: upstreamFilters.flatMap(({ filters }) => filters),
    notes: [...new Set(notes)],
    runtime: runtimeOf(root),
    trustedNames: options.trustedNames,
    modelRoutes: options.modelRoutes,
  };
}

/** Worked out once for each way in: rules ask often, and dumps have thousands of routes. */
const inForce = new WeakMap<Ingress, readonly FilterOnRoute[]>();

/** Returns the filters of a type that run on some route as they act there; without routes, as the chain has them. */
export function filtersInForce(ingress: Ingress, type?: string): readonly FilterOnRoute[] {
  let all = inForce.get(ingress);
  if (all === undefined) {
    const routes = ingress.routes.filter(({ forwards }) => forwards);
    all = ingress.filters.flatMap((filter) => onRoutes(filter, routes));
    inForce.set(ingress, all);
  }
  return type === undefined ? all : all.filter(({ filter }) => filter.type === type);
}

function onRoutes(filter: HttpFilter, routes: readonly Route[]): FilterOnRoute[] {
  if (routes.length === 0) return filter.disabled ? [] : [inChain(filter)];
  const seen = new Map<string, FilterOnRoute>();
  for (const route of routes) {
    const acting = filterOnRoute(filter, route);
    if (acting.state !== "off") seen.set(acting.by?.path ?? "", acting);
  }
  return [...seen.values()];
}

/** Returns the first filter of a type that runs on some route. */
export function filterOf(ingress: Ingress, type: string): HttpFilter | undefined {
  return filtersInForce(ingress, type)[0]?.filter;
}

function inChain(filter: HttpFilter): FilterOnRoute {
  return {
    filter,
    state: filter.conditional ? "sometimes" : "on",
    config: filter.config,
    by: undefined,
    pathOf: (field) => field === "" ? filter.configPath : `${filter.configPath}/${field}`,
  };
}

function within(root: Json, patterns: readonly string[]): Placed[] {
  return patterns.flatMap((pattern) => placedAt({ path: "", value: root }, pattern));
}

function managersOf(listener: Placed): Placed[] {
  return [
    ...CHAINS.flatMap((chain) => placedAt(listener, `${chain}/filters/*/typed_config`)),
    ...placedAt(listener, "api_listener/api_listener"),
  ].filter(({ value }) => typeName(value) === "HttpConnectionManager");
}

interface Elsewhere {
  readonly tables: readonly Placed[];
  readonly scopes: readonly Placed[];
  readonly discovered: DiscoveredFilters;
  readonly notes: string[];
}

function ingressOf(listener: Placed, manager: Placed, elsewhere: Elsewhere): Ingress {
  const name = String(listener.value.name ?? "");
  const { filters, unread } = chainOf(manager, "http_filters/*", elsewhere.discovered);
  elsewhere.notes.push(...unread);
  const tables = tablesOf(manager, elsewhere);
  const virtual = tables.some(({ value }) => isObject(value.vhds));
  const routesMissing = tables.length === 0 || virtual;
  if (routesMissing) {
    elsewhere.notes.push(
      `The routes of listener "${name}" come by ${
        virtual ? "VHDS" : "RDS"
      } and are not in this file: lint the admin's /config_dump`,
    );
  }
  const routes = tables.flatMap(routesOf);
  const brought = broughtByRoutes(manager, routes);
  const ingress: Ingress = {
    ...manager,
    listener: name,
    listenerPlace: listener,
    filters: brought.length === 0 ? filters : withBrought(filters, brought),
    routes,
    coversAll: tables.length > 0 && tables.every((table) => coversAll(table, routes)),
    routesMissing,
    upgrades: [],
  };
  return { ...ingress, upgrades: upgradesOf(ingress, elsewhere.discovered) };
}

function upgradesOf(ingress: Ingress, discovered: DiscoveredFilters): UpgradeChain[] {
  return placedAt(ingress, "upgrade_configs/*").flatMap((upgrade): UpgradeChain[] => {
    const { filters } = chainOf(upgrade, "filters/*", discovered);
    const type = String(upgrade.value.upgrade_type ?? "");
    const enabled = upgrade.value.enabled !== false ||
      ingress.routes.some(({ value }) => enablesUpgrade(value.route, type));
    return filters.length > 0 && enabled
      ? [{ ...upgrade, type, ingress: { ...ingress, filters } }]
      : [];
  });
}

function enablesUpgrade(action: Json | undefined, type: string): boolean {
  return objectsAt(action ?? null, "upgrade_configs/*").some((one) =>
    one.enabled !== false && String(one.upgrade_type).toLowerCase() === type.toLowerCase()
  );
}

/** Puts filters that routes bring at the place of the filter chain filter that runs them. */
function withBrought(filters: readonly HttpFilter[], brought: readonly HttpFilter[]): HttpFilter[] {
  const router = filters.findIndex(({ type }) => type === "Router");
  const at = router === -1 ? filters.length : router;
  return [...filters.slice(0, at), ...brought, ...filters.slice(at)];
}

function tablesOf(manager: Placed, { tables, scopes }: Elsewhere): Placed[] {
  const own = placedAt(manager, "route_config");
  if (own.length > 0) return own;
  const named = (name: Json | undefined) =>
    tables.filter(({ value }) => name !== undefined && value.name === name);
  if (!isObject(manager.value.scoped_routes)) {
    return named(valueAt(manager.value, "rds/route_config_name"));
  }
  const inline = placedAt(
    manager,
    "scoped_routes/scoped_route_configurations_list/scoped_route_configurations/*",
  );
  return [...inline, ...(inline.length > 0 ? [] : scopes)].flatMap((scope) => {
    const held = placedAt(scope, "route_configuration");
    return held.length > 0 ? held : named(scope.value.route_configuration_name);
  });
}

function tcpProxiesOf(listener: Placed): TcpProxy[] {
  return CHAINS.flatMap((chain) => placedAt(listener, `${chain}/filters/*/typed_config`))
    .filter(({ value }) => typeName(value) === "TcpProxy")
    .map((proxy) => ({
      ...proxy,
      listener: String(listener.value.name ?? ""),
      clusters: [
        proxy.value.cluster,
        ...placedAt(proxy, "weighted_clusters/clusters/*").map(({ value }) => value.name),
      ].filter((cluster): cluster is string => typeof cluster === "string"),
    }));
}

/** Returns notes on parts that come from a control plane and are not here. */
function discoveryNotes(root: Json): string[] {
  const dynamic = isObject(root) ? root.dynamic_resources : undefined;
  if (!isObject(dynamic)) return [];
  const sources = [
    ["lds_config", "listeners", "LDS"],
    ["cds_config", "clusters", "CDS"],
  ] as const;
  return sources.filter(([field]) => dynamic[field] !== undefined).map(([, what, protocol]) =>
    `The ${what} of dynamic_resources come by ${protocol} and are not in this file: lint the admin's /config_dump`
  );
}

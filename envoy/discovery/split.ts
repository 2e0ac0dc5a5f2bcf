/** Splits a configuration into what a listener holds for ever and what Envoy can be told anew while streams run. */
import { isIP } from "node:net";
import {
  canonicalJson,
  isObject,
  type Json,
  type JsonObject,
  objectsAt,
  valueAt,
  valuesAt,
} from "../tree.ts";

/** Kinds of resources, by the discovery service that carries them. */
export type ResourceKind = "cds" | "eds" | "rds" | "ecds";

/** One resource: a cluster, the endpoints of one, a table of routes, the settings of a filter. */
export interface Resource {
  readonly kind: ResourceKind;
  /** Unique within its kind. */
  readonly name: string;
  /** The message, `@type` first. */
  readonly value: JsonObject;
}

/** A configuration in two halves. */
export interface SplitConfig {
  /** The bootstrap without the resources; it names where each comes from. */
  readonly bootstrap: JsonObject;
  readonly resources: readonly Resource[];
}

/** Returns the `ConfigSource` of resources: a file, a server. */
export type SourceOf = (kind: ResourceKind, name: string) => JsonObject;

const LISTENERS = "static_resources/listeners/*";
const MANAGERS = ["filter_chains/*", "default_filter_chain"]
  .map((chain) => `${LISTENERS}/${chain}/filters/*/typed_config`);
const MANAGER_TYPE = /\.HttpConnectionManager$/;
/** Filters that stay with the listener: nothing in them changes, and the last one must. */
const KEPT_FILTERS = ["envoy.filters.http.router"];

const TYPES: Readonly<Record<ResourceKind, string>> = {
  cds: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  eds: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  rds: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  ecds: "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
};

/** Type URL of the resources of a kind. */
export function typeUrlOf(kind: ResourceKind): string {
  return TYPES[kind];
}

/**
 * Splits a bootstrap: clusters, endpoints with addresses, routes and HTTP filters become resources. An update of a
 * listener ends the streams on it, so that listeners stay in the bootstrap, with all that only they can hold.
 */
export function splitConfig(config: JsonObject, sourceOf: SourceOf): SplitConfig {
  const bootstrap = structuredClone(config);
  const found = new Resources();
  const filters = MANAGERS.flatMap((place) => objectsAt(bootstrap, place));
  for (const manager of filters) {
    if (!MANAGER_TYPE.test(String(manager["@type"]))) continue;
    splitRoutes(manager, { found, sourceOf });
    splitFilters(manager, { found, sourceOf });
  }
  const clusters = objectsAt(bootstrap, "static_resources/clusters/*");
  for (const cluster of clusters) {
    splitEndpoints(cluster, { found, sourceOf });
    found.add("cds", String(cluster.name), { "@type": TYPES.cds, ...cluster });
  }
  const held = bootstrap.static_resources;
  if (isObject(held)) delete held.clusters;
  bootstrap.dynamic_resources = {
    ...(isObject(bootstrap.dynamic_resources) ? bootstrap.dynamic_resources : {}),
    cds_config: sourceOf("cds", ""),
  };
  return { bootstrap, resources: found.all };
}

interface Splitting {
  readonly found: Resources;
  readonly sourceOf: SourceOf;
}

/** Resources by kind and name. Listeners that have the same routes or filter share the resource. */
class Resources {
  readonly #all: Resource[] = [];

  get all(): readonly Resource[] {
    return this.#all;
  }

  /** Returns whether the name stands for this resource now, and for nothing else. */
  add(kind: ResourceKind, name: string, value: JsonObject): boolean {
    const there = this.#all.find((one) => one.kind === kind && one.name === name);
    if (there === undefined) this.#all.push({ kind, name, value });
    return there === undefined || canonicalJson(there.value) === canonicalJson(value);
  }
}

function splitRoutes(manager: JsonObject, { found, sourceOf }: Splitting): void {
  const table = manager.route_config;
  if (!isObject(table)) return;
  const name = String(table.name ?? "routes");
  if (!found.add("rds", name, { "@type": TYPES.rds, ...table, name })) return;
  delete manager.route_config;
  manager.rds = { route_config_name: name, config_source: sourceOf("rds", name) };
}

function splitFilters(manager: JsonObject, { found, sourceOf }: Splitting): void {
  if (!Array.isArray(manager.http_filters)) return;
  manager.http_filters = manager.http_filters.map((filter): Json => {
    if (!isObject(filter) || !isObject(filter.typed_config)) return filter;
    if (KEPT_FILTERS.includes(String(filter.name))) return filter;
    const { typed_config, ...rest } = filter;
    const name = String(filter.name);
    // Routes find a filter by this name, so that it can stand for one set of settings alone.
    if (!found.add("ecds", name, { "@type": TYPES.ecds, name, typed_config })) return filter;
    return {
      ...rest,
      config_discovery: {
        config_source: sourceOf("ecds", name),
        type_urls: [String(typed_config["@type"])],
      },
    };
  });
}

/** Endpoints by address come by EDS: their change makes no new cluster, and forgets no health. Names need DNS. */
function splitEndpoints(cluster: JsonObject, { found, sourceOf }: Splitting): void {
  if (!["STATIC", "STRICT_DNS"].includes(String(cluster.type ?? "STATIC"))) return;
  const hosts = valuesAt(
    cluster,
    "load_assignment/endpoints/*/lb_endpoints/*/endpoint/address/socket_address/address",
  );
  const assignment = cluster.load_assignment;
  if (!isObject(assignment) || hosts.length === 0) return;
  if (!hosts.every((host) => typeof host === "string" && isIP(host) !== 0)) return;
  const name = String(valueAt(assignment, "cluster_name") ?? cluster.name);
  found.add("eds", name, { "@type": TYPES.eds, ...assignment });
  delete cluster.load_assignment;
  delete cluster.dns_lookup_family;
  cluster.type = "EDS";
  cluster.eds_cluster_config = { eds_config: sourceOf("eds", name), service_name: name };
}

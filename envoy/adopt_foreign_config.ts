/** Makes somebody else's configuration launchable between our policy and our upstream. */
import { UsageError } from "../service/mod.ts";
import { adoptCluster, clusterOfEngine, type Held } from "./adopt_cluster.ts";
import { type ForeignPart, foreignParts } from "./adopt_parts.ts";
import type { EnvoyConfigFile } from "./config_file.ts";
import { filterOnRoute } from "./filter_on_route.ts";
import { type Ingress, type LintModel, lintModel } from "./model.ts";
import { isObject, type JsonObject, valueAt } from "./tree.ts";

/** Somebody else's configuration, ready to be launched between our policy and our upstream. */
export interface AdoptedConfig {
  /** The configuration with its adjustments; name, text and hash are the file's. */
  readonly file: EnvoyConfigFile;
  /** The listener that is judged. */
  readonly listener: string;
  /** The cluster that ext_authz asks over gRPC; absent when there is none. */
  readonly policyCluster: string | undefined;
  /** The cluster that requests are forwarded to; others that are routed to follow it. */
  readonly upstreamCluster: string;
  /** Services that its filters ask beside. */
  readonly parts: readonly ForeignPart[];
  /** Changes beside addresses, one sentence each, for the report. */
  readonly adjustments: readonly string[];
}

const LOOPBACK = "127.0.0.1";

/**
 * Finds out which listener, policy cluster and upstream clusters a configuration has, and takes away what would keep it
 * from running beside us: addresses of its own, whatever their form, TLS towards the parts that we stand in for, and
 * what a control plane would bring. Everything else stays, faults included.
 *
 * @throws {UsageError} when it has no listener for HTTP, no route that forwards, or lacks a cluster that it names
 */
export function adoptEnvoyConfig(
  file: EnvoyConfigFile,
  options: { readonly listener?: string } = {},
): AdoptedConfig {
  const bootstrap = structuredClone(file.bootstrap);
  const adjustments: string[] = [];
  nameListeners(bootstrap, adjustments);
  const model = lintModel(bootstrap, { trustedNames: [], modelRoutes: undefined });
  const ingress = pickIngress(model.ingresses, file, options.listener);
  moveListeners(bootstrap, ingress.listener, adjustments);
  leaveControlPlane(bootstrap, adjustments);
  const held: Held = { bootstrap, clusters: new Map(model.clusters), file, adjustments };
  const parts = foreignParts(ingress.filters);
  const isAskedOverHttp = parts.some(({ kind }) => kind === "http_authz");
  const engines = enginesOf(ingress, held, { isAskedOverHttp });
  const [policyCluster] = engines;
  for (const { kind, cluster } of parts) {
    if (kind === "http_authz") adoptCluster(cluster, held, { role: "upstream" });
  }
  const routed = [...new Set(ingress.routes.flatMap(({ clusters }) => clusters))]
    .filter((name) => !engines.includes(name) && !parts.some(({ cluster }) => cluster === name));
  const [upstreamCluster] = routed;
  if (upstreamCluster === undefined) throw nowhere(file, ingress);
  chooseCluster(ingress, upstreamCluster, adjustments);
  for (const [index, name] of engines.entries()) {
    adoptCluster(
      name,
      held,
      index === 0 ? { role: "policy" } : { role: "policy", follows: policyCluster as string },
    );
  }
  for (const name of routed) {
    adoptCluster(
      name,
      held,
      name === upstreamCluster
        ? { role: "upstream" }
        : { role: "upstream", follows: upstreamCluster },
    );
  }
  return {
    file: { ...file, bootstrap },
    listener: ingress.listener,
    policyCluster,
    upstreamCluster,
    parts,
    adjustments,
  };
}

function nowhere(file: EnvoyConfigFile, ingress: Ingress): UsageError {
  const ways = ingress.routes.filter(({ forwards }) => forwards)
    .map(({ match, target }) => `route ${match} goes to ${target}`);
  const why = ingress.routesMissing
    ? " (its routes come by a control plane)"
    : ways.length > 0
    ? `: ${ways.join("; ")}`
    : "";
  return new UsageError(
    `Cannot judge "${file.name}": the listener "${ingress.listener}" forwards to no cluster that stands in the file${why}`,
  );
}

function listenersOf(bootstrap: JsonObject): JsonObject[] {
  const listeners = valueAt(bootstrap, "static_resources/listeners");
  return Array.isArray(listeners) ? listeners.filter(isObject) : [];
}

/** Addresses are set and read back by name. */
function nameListeners(bootstrap: JsonObject, adjustments: string[]): void {
  listenersOf(bootstrap).forEach((listener, index) => {
    if (typeof listener.name === "string" && listener.name !== "") return;
    listener.name = `listener_${index}`;
    adjustments.push(`The unnamed listener ${index} is called "${listener.name}"`);
  });
}

function pickIngress(
  ingresses: readonly Ingress[],
  file: EnvoyConfigFile,
  wanted: string | undefined,
): Ingress {
  const forwarding = ingresses.filter(({ routes }) => routes.some(({ forwards }) => forwards));
  const found = wanted === undefined
    ? forwarding[0] ?? ingresses[0]
    : ingresses.find(({ listener }) => listener === wanted);
  if (found !== undefined) return found;
  const names = ingresses.map(({ listener }) => `"${listener}"`).join(", ");
  throw new UsageError(
    `Cannot judge "${file.name}": it has no listener ${
      wanted === undefined ? "" : `"${wanted}" `
    }` +
      `with an HTTP connection manager${names === "" ? "" : `, only ${names}`}`,
  );
}

/** No address of the file's own opens: the judged listener gets one at launch, the others a free port. */
function moveListeners(bootstrap: JsonObject, judged: string, adjustments: string[]): void {
  for (const listener of listenersOf(bootstrap)) {
    const { name, address } = listener;
    if (listener.internal_listener !== undefined || listener.api_listener !== undefined) continue;
    if (Array.isArray(listener.additional_addresses) && listener.additional_addresses.length > 0) {
      delete listener.additional_addresses;
      adjustments.push(`The listener "${name}" has its first address alone`);
    }
    const plain = isPlain(address);
    if (name !== judged && isObject(address)) {
      listener.address = socketAddress(address);
      adjustments.push(`The listener "${name}" is not judged, and moved to a free port`);
    } else if (!plain && isObject(address)) {
      listener.address = socketAddress(address);
      adjustments.push(`The listener "${name}" is reached over TCP, on an address of ours`);
    }
  }
  const admin = valueAt(bootstrap, "admin/address");
  if (isObject(admin) && !isPlain(admin)) {
    (bootstrap.admin as JsonObject).address = socketAddress(admin);
    adjustments.push("The admin interface is reached over TCP, on an address of ours");
  }
}

/** A socket address of host and port alone, of which the overlay sets both. */
function isPlain(address: unknown): boolean {
  const socket = valueAt(address as JsonObject, "socket_address");
  return isObject(socket) && Object.keys(address as JsonObject).length === 1 &&
    Object.keys(socket).every((key) => ["address", "port_value", "protocol"].includes(key));
}

function socketAddress(old: JsonObject): JsonObject {
  const protocol = valueAt(old, "socket_address/protocol");
  return {
    socket_address: {
      ...(protocol === undefined ? {} : { protocol }),
      address: LOOPBACK,
      port_value: 0,
    },
  };
}

/** Listeners of a control plane would open ports, and its clusters replace ours. */
function leaveControlPlane(bootstrap: JsonObject, adjustments: string[]): void {
  if (bootstrap.dynamic_resources === undefined) return;
  delete bootstrap.dynamic_resources;
  adjustments.push("The dynamic_resources are left away: what stands in the file is judged");
}

/** Every cluster that ext_authz asks over gRPC, on whatever route, the first first. */
function enginesOf(
  ingress: Ingress,
  held: Held,
  { isAskedOverHttp }: { isAskedOverHttp: boolean },
): string[] {
  const filters = ingress.filters.filter(({ type }) => type === "ExtAuthz");
  const configs = [
    ...filters.map(({ config }) => config),
    // Settings per route replace services whole: objects are the bootstrap's own.
    ...filters.flatMap((filter) =>
      ingress.routes.map((route) => filterOnRoute(filter, route).config)
    ),
  ];
  const services = new Set(configs.map(({ grpc_service: service }) => service).filter(isObject));
  const engines = [...services].flatMap((service) => clusterOfEngine(service, held) ?? []);
  if (engines.length === 0 && !isAskedOverHttp) {
    held.adjustments.push(
      filters.length === 0
        ? "There is no ext_authz filter: nobody asks our policy"
        : "ext_authz does not ask over gRPC: our policy cannot stand in",
    );
  }
  return [...new Set(engines)];
}

/** A cluster that is named by a header or a plugin is one that no case knows: such routes go to our upstream. */
function chooseCluster(
  ingress: LintModel["ingresses"][number],
  upstream: string,
  adjustments: string[],
): void {
  for (const { value, match, forwards } of ingress.routes) {
    const { route } = value;
    if (!forwards || !isObject(route)) continue;
    const weighted = valueAt(route, "weighted_clusters/clusters");
    for (const one of [route, ...(Array.isArray(weighted) ? weighted.filter(isObject) : [])]) {
      const chosen = [
        "cluster_header",
        "cluster_specifier_plugin",
        "inline_cluster_specifier_plugin",
      ]
        .filter((key) => one[key] !== undefined);
      if (chosen.length === 0) continue;
      for (const key of chosen) delete one[key];
      one[one === route ? "cluster" : "name"] = upstream;
      adjustments.push(
        `Route ${match} chooses its cluster by ${chosen[0]}: it goes to "${upstream}"`,
      );
    }
  }
}

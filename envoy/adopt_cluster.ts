/** Clusters of somebody else's configuration, which our parts stand in for. */
import { UsageError } from "../service/mod.ts";
import type { EnvoyConfigFile } from "./config_file.ts";
import { HTTP_OPTIONS } from "./model.ts";
import { type Placed, typeName } from "./placed.ts";
import { isObject, type JsonObject, objectsAt, setAt, valueAt } from "./tree.ts";

/** The configuration that is being adopted. */
export interface Held {
  readonly bootstrap: JsonObject;
  readonly clusters: Map<string, Placed>;
  readonly file: EnvoyConfigFile;
  readonly adjustments: string[];
}

const LOOPBACK = "127.0.0.1";
/** Cluster types whose endpoints stand in the file, or in a name that it holds. */
const ADDRESSABLE = new Set(["STATIC", "STRICT_DNS", "LOGICAL_DNS"]);
/** Fields by which a cluster finds its endpoints; one of ours has one that is known. */
const DISCOVERY = [
  ...["type", "cluster_type", "eds_cluster_config", "original_dst_lb_config", "lb_subset_config"],
];
/** Fields that say how a cluster's connections are made. */
const TRANSPORTS = ["transport_socket", "transport_socket_matches", "transport_socket_matcher"];
/** The extension that says which HTTP version a cluster speaks. */
const HTTP_OPTIONS_NAME = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
/** The cluster of ours for engines that the file asks without one. */
const ENGINE_CLUSTER = "llmgate_policy_engine";

/**
 * Returns the cluster that a gRPC service asks. Google's client dials an address of its own: Envoy's asks instead, at a
 * cluster that is added.
 */
export function clusterOfEngine(service: JsonObject, held: Held): string | undefined {
  const name = valueAt(service, "envoy_grpc/cluster_name");
  if (typeof name === "string") return name;
  if (!isObject(service.google_grpc)) return undefined;
  const target = String(service.google_grpc.target_uri ?? "?");
  delete service.google_grpc;
  service.envoy_grpc = { cluster_name: ENGINE_CLUSTER };
  held.adjustments.push(
    `ext_authz asks by Envoy's gRPC client, and not by Google's at ${target}: our policy stands in`,
  );
  addEngineCluster(held);
  return ENGINE_CLUSTER;
}

function addEngineCluster({ bootstrap, clusters }: Held): void {
  if (clusters.has(ENGINE_CLUSTER)) return;
  const cluster: JsonObject = {
    name: ENGINE_CLUSTER,
    type: "STATIC",
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: assignment(ENGINE_CLUSTER),
  };
  const list = valueAt(bootstrap, "static_resources/clusters");
  if (Array.isArray(list)) list.push(cluster);
  else setAt(bootstrap, "static_resources/clusters", [cluster]);
  clusters.set(ENGINE_CLUSTER, { path: "static_resources/clusters", value: cluster });
}

/**
 * Makes a cluster one that can be pointed at our part: an endpoint with a plain address, no TLS, no health checks. One
 * that `follows` another has its address.
 *
 * @throws {UsageError} when it is not in the file
 */
export function adoptCluster(
  name: string,
  { clusters, file, adjustments }: Held,
  { role, follows }: { readonly role: "policy" | "upstream"; readonly follows?: string },
): void {
  const value = clusters.get(name)?.value;
  if (value === undefined) {
    throw new UsageError(`Cannot judge "${file.name}": the cluster "${name}" is not in the file`);
  }
  giveEndpoints(name, value, adjustments);
  plainAddresses(name, value, adjustments);
  if (TRANSPORTS.some((field) => value[field] !== undefined) && !speaksPlain(value)) {
    for (const field of TRANSPORTS) delete value[field];
    leaveAlpn(value, role);
    adjustments.push(`The cluster "${name}" speaks plain text to our part, and not TLS`);
  }
  if (value.health_checks !== undefined) {
    delete value.health_checks;
    adjustments.push(`The cluster "${name}" makes no health checks of its own`);
  }
  if (value.outlier_detection !== undefined) {
    // The suite's own faults would put its one endpoint aside for the cases that follow.
    delete value.outlier_detection;
    adjustments.push(`The cluster "${name}" keeps an endpoint that fails (no outlier_detection)`);
  }
  if (value.upstream_bind_config !== undefined) {
    delete value.upstream_bind_config;
    adjustments.push(`The cluster "${name}" dials from any address`);
  }
  if (follows !== undefined) {
    setAt(value, "metadata/filter_metadata/llmgate.overlay/follows", follows);
    adjustments.push(`The cluster "${name}" has the address of "${follows}"`);
  }
}

/** Points a cluster of a configuration at a part of ours, and its HTTP version. Does nothing when there is no such cluster. */
export function placeCluster(
  bootstrap: JsonObject,
  name: string,
  { host, port, http }: { readonly host: string; readonly port: number; readonly http: 1 | 2 },
): void {
  for (const cluster of objectsAt(bootstrap, "static_resources/clusters/*")) {
    if (cluster.name !== name) continue;
    for (const field of DISCOVERY) delete cluster[field];
    for (const field of ["transport_socket", "transport_socket_matches", "health_checks"]) {
      delete cluster[field];
    }
    cluster.type = "STATIC";
    cluster.load_assignment = assignment(name);
    setAt(cluster, "load_assignment/endpoints/0/lb_endpoints/0/endpoint/address", {
      socket_address: { address: host, port_value: port },
    });
    cluster.typed_extension_protocol_options = {
      [HTTP_OPTIONS_NAME]: {
        "@type": `type.googleapis.com/${HTTP_OPTIONS_NAME}`,
        explicit_http_config: http === 1
          ? { http_protocol_options: {} }
          : { http2_protocol_options: {} },
      },
    };
  }
}

/** Does it speak plain text to an endpoint that the launch marks so? */
function speaksPlain({ transport_socket_matches: matches }: JsonObject): boolean {
  const chosen = Array.isArray(matches)
    ? matches.filter(isObject).find(({ match }) =>
      Object.entries(isObject(match) ? match : {}).every(([key, value]) =>
        key === "transport" && value === "plain"
      )
    )
    : undefined;
  return typeName(valueAt(chosen, "transport_socket/typed_config")) === "RawBuffer";
}

/** A cluster that discovers its endpoints is given one, of which the launch sets the address. */
function giveEndpoints(name: string, value: JsonObject, adjustments: string[]): void {
  const type = String(value.type ?? "STATIC");
  const endpoint = valueAt(value, "load_assignment/endpoints/0/lb_endpoints/0/endpoint");
  if (ADDRESSABLE.has(type) && value.cluster_type === undefined && isObject(endpoint)) return;
  const kind = valueAt(value, "cluster_type/name") ?? type;
  for (const field of DISCOVERY) delete value[field];
  if (value.lb_policy === "CLUSTER_PROVIDED") delete value.lb_policy;
  value.type = "STATIC";
  value.load_assignment = assignment(name);
  adjustments.push(
    `The cluster "${name}" finds no endpoints of its own (${kind}): ours is its only one`,
  );
}

function assignment(name: string): JsonObject {
  return {
    cluster_name: name,
    endpoints: [{
      lb_endpoints: [{
        endpoint: { address: { socket_address: { address: LOOPBACK, port_value: 1 } } },
      }],
    }],
  };
}

/** Unix sockets, named ports and further addresses: each endpoint keeps one plain address. */
function plainAddresses(name: string, value: JsonObject, adjustments: string[]): void {
  let replaced = false;
  for (const endpoint of objectsAt(value, "load_assignment/endpoints/*/lb_endpoints/*/endpoint")) {
    const socket = valueAt(endpoint, "address/socket_address");
    const plain = isObject(socket) && Object.keys(endpoint.address as JsonObject).length === 1 &&
      Object.keys(socket).every((key) =>
        key === "address" || key === "port_value" || key === "protocol"
      );
    if (!plain && endpoint.address !== undefined) {
      endpoint.address = { socket_address: { address: LOOPBACK, port_value: 1 } };
      replaced = true;
    }
    for (const field of ["additional_addresses", "health_check_config"]) {
      if (endpoint[field] === undefined) continue;
      delete endpoint[field];
      replaced = true;
    }
  }
  if (replaced) adjustments.push(`The cluster "${name}" is reached over TCP, at one address`);
}

/** Without TLS there is no ALPN to choose the protocol by, and Envoy refuses to start. */
function leaveAlpn(value: JsonObject, role: "policy" | "upstream"): void {
  const options = valueAt(value, HTTP_OPTIONS);
  if (!isObject(options) || options.auto_config === undefined) return;
  delete options.auto_config;
  options.explicit_http_config = role === "policy"
    ? { http2_protocol_options: {} }
    : { http_protocol_options: {} };
}

/** The overlay: the only fields that Envoy is told at launch beside its file. */
import { hostPort, UsageError } from "../service/mod.ts";
import { type EnvoyConfigFile, sha256 } from "./config_file.ts";
import {
  canonicalJson,
  deleteAt,
  type Difference,
  differences,
  isObject,
  type Json,
  type JsonObject,
  liesWithin,
  objectsAt,
  setAt,
  valueAt,
} from "./tree.ts";

/** Where something listens or is reached. */
export interface HostPort {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** PEM files for TLS to a peer. */
export interface TlsFiles {
  /** Roots that the peer's certificate must chain to; `systemRoots()` finds the machine's own. */
  readonly caFile: string;
  /** Our own certificate and its key, for mTLS. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** Where a cluster's traffic goes. */
export interface Endpoint extends HostPort {
  /**
   * `Host` where the route rewrites it, and SNI; `host:port` when left out. With TLS a port is
   * taken off: Envoy sends the hostname as SNI as it stands, and servers refuse one with a port.
   */
  readonly hostname?: string;
  /** TLS to the peer; plain text without it. */
  readonly tls?: TlsFiles;
}

/** Fields that are set at launch. One that is left out stays as it stands in the file. */
export interface EnvoyOverlay {
  /** Port of the admin listener, which is always on loopback; 0 picks a free one. */
  readonly adminPort?: number;
  /** Limits the admin's paths to what the harness asks, unless the file does: its one POST must know this secret. */
  readonly adminKey?: string;
  /** Addresses of listeners, by name; port 0 picks a free one. */
  readonly listeners?: Readonly<Record<string, HostPort>>;
  /** Clients that are let in at once, where the file lets in more: what the limit of open files has room for. */
  readonly maxConnections?: number;
  /** Endpoint of each cluster, by the cluster's name; one for each that it has, in the file's order, where it has several. */
  readonly clusters?: Readonly<Record<string, Endpoint | readonly Endpoint[]>>;
  /** PEM file with the roots that a cluster's peers must chain to, by the cluster's name. */
  readonly trustedRoots?: Readonly<Record<string, string>>;
  /** Prefix of the request's path, by the cluster that is routed to: `/gateway`. */
  readonly pathPrefixes?: Readonly<Record<string, string>>;
  /** Longest request body that is held for a processor, in bytes. */
  readonly maxRequestBytes?: number;
  /** File for the access log. */
  readonly accessLogPath?: string;
  /** Files that discovery reads, by the cluster's name. */
  readonly discoveryPaths?: Readonly<Record<string, string>>;
  /** Folder of the certificates that Envoy watches; the files keep their names. */
  readonly certificateFolder?: string;
  /** Claims that a token must have: who issued it, and for whom. */
  readonly tokens?: { readonly issuer: string; readonly audience: string };
}

/** A configuration as it is launched. */
export interface LaunchedConfig {
  readonly bootstrap: JsonObject;
  /** The file that Envoy is given: JSON. */
  readonly text: string;
  /** SHA-256 of the file it came from. */
  readonly configSha256: string;
  /** SHA-256 of the launched bootstrap with the overlay's fields blanked. */
  readonly launchedSha256: string;
  /** Everything that differs from the file. */
  readonly changes: readonly OverlayChange[];
}

/** One place that was set at launch. */
export interface OverlayChange extends Difference {
  /** Its name in the overlay table. */
  readonly what: string;
}

/** One row of the overlay table: a place in the bootstrap that may be set at launch. */
export interface OverlayRow {
  readonly what: string;
  /** Keys joined by slashes; `*` is any index or key. */
  readonly path: string;
}

const MAX_CONNECTIONS =
  "overload_manager/resource_monitors/*/typed_config/max_active_downstream_connections";
const LISTENER = "static_resources/listeners/*";
const MANAGER = `${LISTENER}/filter_chains/*/filters/*/typed_config`;
const CLUSTER = "static_resources/clusters/*";
const ENDPOINT = `${CLUSTER}/load_assignment/endpoints/*/lb_endpoints/*`;
const TLS =
  `${CLUSTER}/transport_socket_matches/*/transport_socket/typed_config/common_tls_context`;
const TLS_CONTEXTS = [
  `${LISTENER}/filter_chains/*/transport_socket/typed_config/common_tls_context`,
  `${LISTENER}/filter_chains/*/transport_socket/typed_config/downstream_tls_context/common_tls_context`,
  TLS,
] as const;
const SECRETS = [
  "tls_certificate_sds_secret_configs/*/sds_config/path_config_source",
  "validation_context_sds_secret_config/sds_config/path_config_source",
] as const;
const IDLE = "common_http_protocol_options/idle_timeout";
const TOKENS = `${MANAGER}/http_filters/*/typed_config/providers/*`;
const TRANSPORT = "metadata/filter_metadata/envoy.transport_socket_match";
const FOLLOWS = "metadata/filter_metadata/llmgate.overlay/follows";
const LOOPBACK = "127.0.0.1";

/** Everything that may differ between the file and what is launched. Nothing else may. */
export const OVERLAY_TABLE: readonly OverlayRow[] = [
  { what: "admin address", path: "admin/address/socket_address/address" },
  { what: "admin port", path: "admin/address/socket_address/port_value" },
  { what: "admin paths", path: "admin/allow_paths" },
  { what: "most connections", path: MAX_CONNECTIONS },
  { what: "idle time of connections", path: `${MANAGER}/${IDLE}` },
  { what: "listener address", path: `${LISTENER}/address/socket_address/address` },
  { what: "listener port", path: `${LISTENER}/address/socket_address/port_value` },
  { what: "endpoint address", path: `${ENDPOINT}/endpoint/address/socket_address/address` },
  { what: "endpoint port", path: `${ENDPOINT}/endpoint/address/socket_address/port_value` },
  { what: "endpoint hostname", path: `${ENDPOINT}/endpoint/hostname` },
  { what: "endpoint transport", path: `${ENDPOINT}/${TRANSPORT}` },
  { what: "trusted roots file", path: `${TLS}/validation_context/trusted_ca` },
  { what: "client certificate files", path: `${TLS}/tls_certificates` },
  {
    what: "upstream path prefix",
    path: `${MANAGER}/route_config/virtual_hosts/*/routes/*/route/prefix_rewrite`,
  },
  {
    what: "longest request body",
    path: `${MANAGER}/http_filters/*/typed_config/max_request_bytes`,
  },
  { what: "access log file", path: `${MANAGER}/access_log/*/typed_config/path` },
  {
    what: "discovery file",
    path: `${CLUSTER}/eds_cluster_config/eds_config/path_config_source/path`,
  },
  ...TLS_CONTEXTS.flatMap((context) =>
    SECRETS.flatMap((secret) => [
      { what: "certificate file", path: `${context}/${secret}/path` },
      { what: "certificate folder", path: `${context}/${secret}/watched_directory/path` },
    ])
  ),
  { what: "issuer of tokens", path: `${TOKENS}/issuer` },
  { what: "audience of tokens", path: `${TOKENS}/audiences` },
];

/**
 * Returns the configuration as it is launched: the file's values with the overlay's set on them,
 * as typed values. Text is never replaced.
 *
 * @throws {UsageError} when the file lacks a listener, cluster or route that the overlay names
 */
export function launchConfig(file: EnvoyConfigFile, overlay: EnvoyOverlay): LaunchedConfig {
  const bootstrap = structuredClone(file.bootstrap);
  setAdmin(bootstrap, overlay);
  if (overlay.maxConnections !== undefined) limitConnections(bootstrap, overlay.maxConnections);
  for (const [name, address] of Object.entries(overlay.listeners ?? {})) {
    for (
      const listener of [
        named(bootstrap, { file, kind: "listeners", name }),
        ...followers(bootstrap, { of: LISTENER, name }),
      ]
    ) {
      setSocketAddress(listener, "address", address);
    }
  }
  for (const [name, endpoint] of Object.entries(overlay.clusters ?? {})) {
    for (
      const cluster of [
        named(bootstrap, { file, kind: "clusters", name }),
        ...followers(bootstrap, { of: CLUSTER, name }),
      ]
    ) {
      setCluster(cluster, endpoint);
    }
  }
  for (const [name, caFile] of Object.entries(overlay.trustedRoots ?? {})) {
    setTlsFiles(named(bootstrap, { file, kind: "clusters", name }), { caFile });
  }
  for (const [cluster, prefix] of Object.entries(overlay.pathPrefixes ?? {})) {
    setPathPrefix(bootstrap, cluster, prefix);
  }
  for (const [name, path] of Object.entries(overlay.discoveryPaths ?? {})) {
    const cluster = named(bootstrap, { file, kind: "clusters", name });
    setAt(cluster, "eds_cluster_config/eds_config/path_config_source/path", path);
  }
  if (overlay.certificateFolder !== undefined) {
    setCertificateFolder(bootstrap, overlay.certificateFolder);
  }
  if (overlay.tokens !== undefined) {
    for (const provider of objectsAt(bootstrap, TOKENS)) {
      provider.issuer = overlay.tokens.issuer;
      provider.audiences = [overlay.tokens.audience];
    }
  }
  if (overlay.maxRequestBytes !== undefined) {
    for (const filter of objectsAt(bootstrap, `${MANAGER}/http_filters/*/typed_config`)) {
      if ("max_request_bytes" in filter) filter.max_request_bytes = overlay.maxRequestBytes;
    }
  }
  if (overlay.accessLogPath !== undefined) setAccessLog(bootstrap, overlay.accessLogPath);
  return {
    bootstrap,
    text: `${JSON.stringify(bootstrap, null, 1)}\n`,
    configSha256: file.sha256,
    launchedSha256: sha256(canonicalJson(blanked(bootstrap))),
    changes: overlayChanges(file.bootstrap, bootstrap),
  };
}

/** Returns a copy without the fields that the overlay table lists. */
export function blanked(bootstrap: JsonObject): JsonObject {
  const copy = structuredClone(bootstrap);
  for (const row of OVERLAY_TABLE) deleteAt(copy, row.path);
  return copy;
}

/**
 * Returns every difference between a file and its launched form, with the row that allows it.
 *
 * @throws {TypeError} when something differs that the overlay table does not list
 */
export function overlayChanges(file: JsonObject, launched: JsonObject): OverlayChange[] {
  return differences(file, launched).map((difference) => {
    const row = OVERLAY_TABLE.find(({ path }) => liesWithin(difference.path, path));
    if (row === undefined) {
      throw new TypeError(
        `Cannot launch the configuration: "${difference.path}" differs from the file and is not in the overlay table`,
      );
    }
    return { ...difference, what: row.what };
  });
}

/** Prints the changes, one line each: what, where, and from which value to which. */
export function formatChanges(changes: readonly OverlayChange[]): string {
  return changes.map(({ what, path, from, to }) => {
    const arrow = from === undefined ? show(to) : `${show(from)} -> ${show(to)}`;
    return `${what}: ${arrow}\n    ${path}\n`;
  }).join("");
}

/** A value as a difference shows it, cut where it is long. */
export function show(value: Json | undefined): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Regular expression of the paths that the harness reads there; Envoy matches the whole path, its query included. None of them changes anything. */
const ADMIN_PATHS =
  "/(ready|memory|listeners|clusters|config_dump|server_info|stats(/prometheus)?)(\\?.*)?";

/** The path, query included, of the one request by which the harness changes something. */
export function drainPath(key: string): string {
  return `/drain_listeners?key=${key}`;
}

function setAdmin(bootstrap: JsonObject, { adminPort, adminKey }: EnvoyOverlay): void {
  if (adminKey !== undefined) {
    for (const admin of objectsAt(bootstrap, "admin")) {
      admin.allow_paths ??= [{ safe_regex: { regex: ADMIN_PATHS } }, {
        exact: drainPath(adminKey),
      }];
    }
  }
  if (adminPort === undefined) return;
  setSocketAddress(bootstrap, "admin/address", { host: LOOPBACK, port: adminPort });
}

/** Without files for more, Envoy would stop accepting without a word, its admin included. */
/** Connections below which a silent client keeps a place that others need, and how long it may then. */
const FEW_CONNECTIONS = 1_000;
const SHORT_IDLE = "10s";

function limitConnections(bootstrap: JsonObject, most: number): void {
  for (const monitor of objectsAt(bootstrap, "overload_manager/resource_monitors/*/typed_config")) {
    const { max_active_downstream_connections: limit } = monitor;
    if (typeof limit === "number" && limit > most) {
      monitor.max_active_downstream_connections = most;
    }
  }
  if (most >= FEW_CONNECTIONS) return;
  for (const manager of objectsAt(bootstrap, MANAGER)) {
    if (valueAt(manager, IDLE) !== undefined) setAt(manager, IDLE, SHORT_IDLE);
  }
}

function setSocketAddress(root: JsonObject, path: string, { host, port }: HostPort): void {
  setAt(root, `${path}/socket_address/address`, host);
  setAt(root, `${path}/socket_address/port_value`, port);
}

function setCluster(cluster: JsonObject, given: Endpoint | readonly Endpoint[]): void {
  const places = objectsAt(cluster, "load_assignment/endpoints/*/lb_endpoints/*");
  const endpoints = "host" in given ? places.map(() => given) : given;
  if (endpoints.length !== places.length) {
    throw new TypeError(
      `Cannot set ${endpoints.length} endpoints of the cluster "${cluster.name}": it has ${places.length}`,
    );
  }
  for (const [index, place] of places.entries()) {
    const endpoint = endpoints[index] as Endpoint;
    setSocketAddress(place, "endpoint/address", endpoint);
    setAt(place, "endpoint/hostname", hostnameOf(endpoint));
    setAt(place, TRANSPORT, { transport: endpoint.tls === undefined ? "plain" : "tls" });
  }
  const tls = ("host" in given ? [given] : given).find((one) => one.tls !== undefined)?.tls;
  if (tls !== undefined) setTlsFiles(cluster, tls);
}

function hostnameOf({ host, port, hostname, tls }: Endpoint): string {
  const authority = hostname ?? hostPort(host, port);
  return tls === undefined ? authority : authority.replace(/:\d+$/, "");
}

function setTlsFiles(cluster: JsonObject, { caFile, certFile, keyFile }: TlsFiles): void {
  const contexts = objectsAt(
    cluster,
    "transport_socket_matches/*/transport_socket/typed_config/common_tls_context",
  );
  if (contexts.length === 0) {
    throw new UsageError(
      `Cannot use TLS for the cluster "${cluster.name}": its configuration has no TLS transport socket`,
    );
  }
  for (const context of contexts) {
    setAt(context, "validation_context/trusted_ca", { filename: caFile });
    if (certFile === undefined || keyFile === undefined) continue;
    context.tls_certificates = [{
      certificate_chain: { filename: certFile },
      private_key: { filename: keyFile },
    }];
  }
}

function setPathPrefix(bootstrap: JsonObject, cluster: string, prefix: string): void {
  if (prefix === "") return;
  const clusters = [
    cluster,
    ...followers(bootstrap, { of: CLUSTER, name: cluster }).map(({ name }) => name),
  ];
  const routes = objectsAt(bootstrap, `${MANAGER}/route_config/virtual_hosts/*/routes/*`);
  for (const route of routes) {
    const path = valueAt(route, "route/prefix_rewrite") ?? valueAt(route, "match/prefix") ??
      valueAt(route, "match/path");
    if (!clusters.includes(valueAt(route, "route/cluster") ?? "") || typeof path !== "string") {
      continue;
    }
    setAt(route, "route/prefix_rewrite", `${prefix}${path}`);
  }
}

function setCertificateFolder(bootstrap: JsonObject, folder: string): void {
  const places = TLS_CONTEXTS.flatMap((context) =>
    SECRETS.flatMap((secret) => objectsAt(bootstrap, `${context}/${secret}`))
  );
  for (const place of places) {
    setAt(place, "path", `${folder}/${String(place.path).split("/").at(-1)}`);
    setAt(place, "watched_directory/path", folder);
  }
}

function setAccessLog(bootstrap: JsonObject, path: string): void {
  for (const log of objectsAt(bootstrap, `${MANAGER}/access_log/*/typed_config`)) {
    if (log.path !== undefined) log.path = path;
  }
}

/** Clusters, or listeners, whose metadata says that they have the address of another one. */
function followers(
  bootstrap: JsonObject,
  { of, name }: { of: typeof CLUSTER | typeof LISTENER; name: string },
): JsonObject[] {
  return objectsAt(bootstrap, of).filter((one) => valueAt(one, FOLLOWS) === name);
}

function named(
  bootstrap: JsonObject,
  { file, kind, name }: { file: EnvoyConfigFile; kind: string; name: string },
): JsonObject {
  const all = objectsAt(bootstrap, `static_resources/${kind}/*`);
  const found = all.find((candidate) => candidate.name === name);
  if (!isObject(found)) {
    const names = all.map((candidate) => `"${candidate.name}"`).join(", ");
    throw new UsageError(
      `Cannot launch "${file.name}": it has no ${kind.slice(0, -1)} "${name}", only ${names}`,
    );
  }
  return found;
}

/** The listener of somebody else's configuration that is judged: one address, one filter chain, reached from this machine. */
import { UsageError } from "../service/mod.ts";
import type { EnvoyConfigFile } from "./config_file.ts";
import { messagesWithin, type Placed } from "./placed.ts";
import type { Ingress } from "./model.ts";
import { isObject, type Json, type JsonObject, objectsAt, valueAt } from "./tree.ts";

const LOOPBACK = "127.0.0.1";
/** Fields by which a listener takes connections that were meant for other addresses, or none of its own. */
const REDIRECTED = ["bind_to_port", "use_original_dst", "transparent", "freebind"];

/** Names listeners without a name: addresses are set and read back by name. */
export function nameListeners(bootstrap: JsonObject, adjustments: string[]): void {
  listenersOf(bootstrap).forEach((listener, index) => {
    if (typeof listener.name === "string" && listener.name !== "") return;
    listener.name = `listener_${index}`;
    adjustments.push(`The unnamed listener ${index} is called "${listener.name}"`);
  });
}

/**
 * Returns the listener that is judged: the one that is `wanted`, or the first over TCP that forwards.
 *
 * @throws {UsageError} when there is none for HTTP
 */
export function pickIngress(
  ingresses: readonly Ingress[],
  file: EnvoyConfigFile,
  wanted: string | undefined,
): Ingress {
  const forwarding = ingresses.filter(({ routes }) => routes.some(({ forwards }) => forwards));
  const overTcp = forwarding.filter(({ listenerPlace }) =>
    listenerPlace.value.udp_listener_config === undefined
  );
  const found = wanted === undefined
    ? overTcp[0] ?? forwarding[0] ?? ingresses[0]
    : forwarding.find(({ listener }) => listener === wanted) ??
      ingresses.find(({ listener }) => listener === wanted);
  if (found !== undefined) return found;
  const names = ingresses.map(({ listener }) => `"${listener}"`).join(", ");
  throw new UsageError(
    `Cannot judge "${file.name}": it has no listener ${
      wanted === undefined ? "" : `"${wanted}" `
    }` +
      `with an HTTP connection manager${names === "" ? "" : `, only ${names}`}`,
  );
}

/**
 * Makes the judged listener reachable, and opens no address of the file's own: others are left away, but for those
 * inside of Envoy.
 */
export function adoptListener(
  bootstrap: JsonObject,
  ingress: Ingress,
  { adjustments, isHere }: { adjustments: string[]; isHere: (path: string) => boolean },
): void {
  const listeners = listenersOf(bootstrap);
  const kept = listeners.filter((listener) => {
    if (listener === ingress.listenerPlace.value) return true;
    if (listener.internal_listener !== undefined) return true;
    adjustments.push(`The listener "${listener.name}" is not judged, and left away`);
    return false;
  });
  if (kept.length < listeners.length) {
    (bootstrap.static_resources as JsonObject).listeners = kept;
  }
  const { value } = ingress.listenerPlace;
  oneAddress(value, adjustments);
  oneChain(ingress, adjustments);
  for (const chain of objectsAt(value, "filter_chains/*")) {
    plainWithoutCertificates(chain, { listener: ingress.listener, bootstrap, adjustments, isHere });
  }
  const admin = valueAt(bootstrap, "admin/address");
  if (isObject(admin) && !isPlain(admin)) {
    (bootstrap.admin as JsonObject).address = socketAddress(admin);
    adjustments.push("The admin interface is reached over TCP, on an address of ours");
  }
}

function listenersOf(bootstrap: JsonObject): JsonObject[] {
  const listeners = valueAt(bootstrap, "static_resources/listeners");
  return Array.isArray(listeners) ? listeners.filter(isObject) : [];
}

function oneAddress(listener: JsonObject, adjustments: string[]): void {
  const { name, address, additional_addresses: more } = listener;
  if (Array.isArray(more) && more.length > 0) {
    delete listener.additional_addresses;
    adjustments.push(`The listener "${name}" has its first address alone`);
  }
  if (isObject(address) && !isPlain(address)) {
    listener.address = socketAddress(address);
    adjustments.push(`The listener "${name}" is reached over TCP, on an address of ours`);
  }
  const redirected = REDIRECTED.filter((field) => listener[field] !== undefined);
  if (redirected.length === 0) return;
  for (const field of redirected) delete listener[field];
  adjustments.push(
    `The listener "${name}" takes connections at its own address (without ${
      redirected.join(", ")
    })`,
  );
}

/** Our client comes from one address, and is what it is: the judged chain takes it, whatever the chain matches. */
function oneChain(
  { listener, listenerPlace: { path, value }, path: judged }: Ingress,
  adjustments: string[],
): void {
  const [where, index] = judged.slice(path.length + 1).split("/");
  const chains = objectsAt(value, "filter_chains/*");
  const chain = where === "default_filter_chain"
    ? value.default_filter_chain
    : valueAt(value, `filter_chains/${index}`);
  if (!isObject(chain)) return;
  const others = chains.length + (value.default_filter_chain === undefined ? 0 : 1) - 1;
  const { filter_chain_match: match, ...rest } = chain;
  const picks = match !== undefined || value.filter_chain_matcher !== undefined;
  if (others === 0 && !picks && where === "filter_chains") return;
  value.filter_chains = [rest];
  delete value.default_filter_chain;
  delete value.filter_chain_matcher;
  const left = others > 0 ? `: it is one of ${others + 1}, and the others are left away` : "";
  adjustments.push(
    `The listener "${listener}" has the judged filter chain alone, for every connection${left}`,
  );
}

/** Certificates that are not on this machine, or come by SDS, cannot be served. */
function plainWithoutCertificates(
  chain: JsonObject,
  { listener, bootstrap, adjustments, isHere }: {
    listener: string;
    bootstrap: JsonObject;
    adjustments: string[];
    isHere: (path: string) => boolean;
  },
): void {
  const why = absentIn(chain.transport_socket, bootstrap, isHere);
  if (why === undefined) return;
  delete chain.transport_socket;
  adjustments.push(`The listener "${listener}" speaks plain text, and not TLS: ${why}`);
}

/**
 * Returns, in words, what a part of a configuration needs and this machine does not have: a file, a secret that comes
 * by SDS, or one that no list holds.
 */
export function absentIn(
  part: Json | undefined,
  bootstrap: JsonObject,
  isHere: (path: string) => boolean,
): string | undefined {
  const files = filesIn(part).filter((file) => !isHere(file));
  if (files.length > 0) return `${files[0]} is not on this machine`;
  const secrets = objectsAt(bootstrap, "static_resources/secrets/*");
  for (const { value } of secretsIn(part)) {
    const source = value.sds_config;
    const file = valueAt(source, "path_config_source/path");
    if (typeof file === "string" && isHere(file)) continue;
    if (source !== undefined) return `the secret "${value.name}" comes by SDS`;
    const secret = secrets.find(({ name }) => name === value.name);
    if (secret === undefined) return `there is no secret "${value.name}"`;
    const missing = filesIn(secret).find((path) => !isHere(path));
    if (missing !== undefined) return `${missing} is not on this machine`;
  }
  return undefined;
}

/** Files that data sources of a value read. */
export function filesIn(value: Json | undefined): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "filename" && typeof inner === "string" && inner !== "" ? [inner] : filesIn(inner)
  );
}

/** References to secrets: every one of them stands in a field that says so. */
function secretsIn(value: Json | undefined): Placed[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]): Placed[] => {
    if (!/_sds_secret_configs?$/.test(key)) return secretsIn(inner);
    const found = Array.isArray(inner) ? inner.filter(isObject) : isObject(inner) ? [inner] : [];
    return found.map((one) => ({ path: key, value: one }));
  });
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

/** Filters of the judged chain that come by ECDS: the default stands in, or the filter is left away. */
export function withoutDiscovery({ value, listener }: Ingress, adjustments: string[]): void {
  const { http_filters: filters } = value;
  if (!Array.isArray(filters)) return;
  value.http_filters = filters.flatMap((filter) => {
    if (!isObject(filter) || !isObject(filter.config_discovery)) return [filter];
    const { config_discovery: discovery, ...rest } = filter;
    const fallback = discovery.default_config;
    adjustments.push(
      `The filter "${filter.name}" of "${listener}" comes by ECDS: ${
        fallback === undefined ? "it is left away" : "its default_config runs"
      }`,
    );
    return fallback === undefined ? [] : [{ ...rest, typed_config: fallback }];
  });
}

/** More than the suite asks within any time; a bucket that holds as many stays as it is. */
const PLENTY = 20_000;

/** Virtual hosts that send plain requests away to HTTPS: what ends TLS in front of the listener is not here. */
export function withoutRedirectToTls({ routes, listener }: Ingress, adjustments: string[]): void {
  const hosts = new Set(routes.map(({ parents }) => parents[0]?.value));
  const strict = [...hosts].filter((host) => host !== undefined)
    .filter((host) => (host.require_tls ?? "NONE") !== "NONE");
  if (strict.length === 0) return;
  for (const host of strict) delete host.require_tls;
  adjustments.push(`The hosts of "${listener}" take requests without TLS (no require_tls)`);
}

/** Limits on requests and connections of the judged listener, which would refuse the suite's own bursts. */
export function withoutLimits(
  { listenerPlace, listener }: Ingress,
  { adjustments, bootstrap }: { readonly adjustments: string[]; readonly bootstrap: JsonObject },
): void {
  const overload = { path: "overload_manager", value: bootstrap.overload_manager ?? null };
  const limits = messagesWithin(listenerPlace, ["LocalRateLimit", "ConnectionLimit"]);
  let raised = 0;
  for (const { value } of limits) {
    if (value.max_connections === undefined || Number(value.max_connections) >= PLENTY) continue;
    value.max_connections = PLENTY;
    raised++;
  }
  for (const limit of limits) {
    for (const bucket of [limit.value, ...objectsAt(limit.value, "descriptors/*")]) {
      const { token_bucket: tokens } = bucket;
      if (!isObject(tokens) || Number(tokens.max_tokens) >= PLENTY) continue;
      Object.assign(tokens, { max_tokens: PLENTY, tokens_per_fill: PLENTY });
      raised++;
    }
  }
  for (const { value } of messagesWithin(overload, ["DownstreamConnectionsConfig"])) {
    if (Number(value.max_active_downstream_connections ?? PLENTY) >= PLENTY) continue;
    value.max_active_downstream_connections = PLENTY;
    raised++;
  }
  if (raised === 0) return;
  adjustments.push(
    `The local limits of "${listener}" let the suite's requests pass: --feature rate_limit=… judges them`,
  );
}

/** Access logs of a value that write to files, wherever they stand. */
export function fileLogsIn(value: Placed<Json>): Placed[] {
  return messagesWithin(value, ["FileAccessLog"]);
}

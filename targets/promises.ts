/** Promises of a running Envoy, read from its own dump of the configuration, and not assumed. */
import type { Expectations } from "../conformance/mod.ts";
import {
  filtersInForce,
  type Ingress,
  type Json,
  lintModel,
  type Placed,
  placedAt,
  seconds,
} from "../envoy/mod.ts";

/** Envoy's defaults, milliseconds: ext_authz.proto (`grpc_service.timeout`, `server_uri` has none), cluster.proto. */
const DEFAULT_POLICY_MS = 200;
const DEFAULT_CONNECT_MS = 5_000;

/** The part of {@linkcode Expectations} that a configuration states. */
export type Promises = Pick<
  Expectations,
  "policyTimeoutMs" | "requestHeadersTimeoutMs" | "connectTimeoutMs" | "requestIdKept"
>;

/**
 * Reads the promises of a listener and its upstream cluster from `/config_dump`, where Envoy writes every duration and
 * name in one form, however the file had them.
 */
export function promisesOf(
  dump: Json,
  { listener, upstreamCluster }: { listener: string; upstreamCluster: string },
): Promises {
  const model = lintModel(dump, { trustedNames: [], modelRoutes: undefined });
  const ingress = model.ingresses.find((one) => one.listener === listener);
  const authz = ingress?.filters.find(({ type }) => type === "ExtAuthz")?.config;
  const service = object(authz?.grpc_service) ?? object(object(authz?.http_service)?.server_uri);
  const manager = ingress?.value;
  const cluster = model.clusters.get(upstreamCluster)?.value;
  // A client's own id is replaced at the edge only: connection manager, preserve_external_request_id.
  const replaces = manager?.use_remote_address === true &&
    manager.preserve_external_request_id !== true;
  return {
    policyTimeoutMs: milliseconds(service?.timeout) ?? DEFAULT_POLICY_MS,
    requestHeadersTimeoutMs: milliseconds(manager?.request_headers_timeout) ?? 0,
    connectTimeoutMs: milliseconds(cluster?.connect_timeout) ?? DEFAULT_CONNECT_MS,
    requestIdKept: !replaces,
  };
}

/** Names of headers that a listener's configuration adds, changes and takes away, lower case. */
export interface HeadersOfFile {
  readonly requestHeadersAdded: readonly string[];
  readonly requestHeadersChanged: readonly string[];
  readonly responseHeadersAdded: readonly string[];
  readonly responseHeadersReplaced: readonly string[];
}

/**
 * Reads which headers a listener's routes and filters set or remove on purpose: a key for the provider in place of the
 * client's, for one.
 */
export function headersOf(dump: Json, { listener }: { listener: string }): HeadersOfFile {
  const model = lintModel(dump, { trustedNames: [], modelRoutes: undefined });
  const ingress = model.ingresses.find((one) => one.listener === listener);
  const sides = (side: "request" | "response") => {
    const holders = new Map(
      (ingress?.routes ?? []).flatMap(({ levels }) => levels).map((level) => [level.path, level]),
    );
    const added = [...holders.values()].flatMap((level) =>
      placedAt(level, `${side}_headers_to_add/*/header`).map(({ value }) => value.key)
    );
    const removed = [...holders.values()].flatMap(({ value }) =>
      value[`${side}_headers_to_remove`] ?? []
    );
    const filters = ingress === undefined ? [] : setByFilters(ingress, side);
    return { set: names([...added, ...filters]), removed: names([...removed, ...filters]) };
  };
  const request = sides("request");
  const response = sides("response");
  return {
    requestHeadersAdded: request.set,
    requestHeadersChanged: [...request.set, ...request.removed],
    responseHeadersAdded: response.set,
    responseHeadersReplaced: response.removed,
  };
}

/** Headers that filters set or remove by their configuration; which of both is not told apart. */
function setByFilters(ingress: Ingress, side: "request" | "response"): (Json | undefined)[] {
  return filtersInForce(ingress).flatMap(({ filter: { type, configPath }, config }) => {
    const holder: Placed = { path: configPath, value: config };
    switch (type) {
      case "HeaderMutation":
        return placedAt(holder, `mutations/${side}_mutations/*`).flatMap(({ path, value }) => [
          value.remove,
          ...placedAt({ path, value }, "append/header").map((header) => header.value.key),
        ]);
      case "CredentialInjector": {
        const [credential] = placedAt(holder, "credential/typed_config");
        return side === "request" ? [credential?.value.header ?? "authorization"] : [];
      }
      case "JwtAuthentication":
        return side === "response" ? [] : placedAt(holder, "providers/*").flatMap((provider) => [
          provider.value.forward_payload_header,
          ...placedAt(provider, "claim_to_headers/*").map(({ value }) => value.header_name),
          ...placedAt(provider, "from_headers/*").map(({ value }) => value.name),
          "authorization",
        ]);
      default:
        return [];
    }
  });
}

function names(values: readonly (Json | undefined)[]): string[] {
  return [
    ...new Set(values.flatMap((name) => typeof name === "string" ? [name.toLowerCase()] : [])),
  ];
}

function object(value: Json | undefined): Record<string, Json | undefined> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

function milliseconds(value: Json | undefined): number | undefined {
  const given = seconds(value);
  return given === undefined ? undefined : given * 1_000;
}

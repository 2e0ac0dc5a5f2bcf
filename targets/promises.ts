/** Promises of a running Envoy, read from its own dump of the configuration, and not assumed. */
import type { Expectations } from "../conformance/mod.ts";
import { type Json, lintModel, seconds } from "../envoy/mod.ts";

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

function object(value: Json | undefined): Record<string, Json | undefined> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

function milliseconds(value: Json | undefined): number | undefined {
  const given = seconds(value);
  return given === undefined ? undefined : given * 1_000;
}

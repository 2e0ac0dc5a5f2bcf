/**
 * Assembly: policy, upstream and Envoy on one disposable stack.
 *
 * ```ts
 * await using gateway = await startGateway({
 *   ports: FREE_PORTS,
 *   envoyPath: "/usr/local/bin/envoy",
 *   runParents: ["/tmp"],
 * });
 * await fetch(`${gateway.url}/v1/models`, { headers: { "x-api-key": "demo-key" } });
 * ```
 *
 * @module
 */
export type { AnsweringOptions } from "./answering.ts";
export { type BackendPool, startBackendPool } from "./backend_pool.ts";
export { type ControlServer, startControl } from "./control.ts";
export { type EnvoyPlacement, gatewayOverlay, type PartNames } from "./envoy_overlay.ts";
export {
  FREE_PORTS,
  type Gateway,
  type GatewayOptions,
  type GatewayPorts,
  startGateway,
} from "./gateway.ts";
export { type Profile, type ProfileName, PROFILES } from "./profile.ts";
export type { Routing, RoutingOptions } from "./routing.ts";
export type { RequestRecord } from "./requests.ts";
export { parseUpstreamUrl, type UpstreamAddress } from "./upstream_url.ts";

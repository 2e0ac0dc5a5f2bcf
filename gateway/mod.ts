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
export { type AddOn, type AddOnPart, withAddOns } from "./add_on.ts";
export { type BackendPool, startBackendPool } from "./backend_pool.ts";
export type { ConsoleAbilities } from "./console_part.ts";
export { type ControlServer, startControl } from "./control.ts";
export { chatFields, curlLine, DEMO_KEY, QUESTION, shellWord, suggestionsFor } from "./curl.ts";
export { RESTART_PATH } from "./live_changes.ts";
export { followConfig } from "./follow_config.ts";
export { type Gateway, startGateway } from "./gateway.ts";
export { FREE_PORTS, GATEWAY_PORTS, type GatewayOptions, type StartPolicy } from "./options.ts";
export { type Counted, filesFor, streamsWithin } from "./open_files.ts";
export { type EnvoyPlacement, gatewayOverlay } from "./overlay.ts";
export type {
  Part,
  PartNames,
  PartOverlay,
  Place,
  Ports,
  PortSpec,
  Profile,
  Suggestion,
  WelcomeLine,
} from "./profile.ts";
export {
  type ForeignUpstream,
  type SinglePart,
  singleUpstream,
  startMock,
  UPSTREAM_PORT,
} from "./single_upstream.ts";
export { startTogether } from "./start_together.ts";
export { parseUpstreamUrl, type UpstreamAddress } from "./upstream_url.ts";

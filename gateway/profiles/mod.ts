/**
 * The profiles: one folder for each kind of gateway, with its parts, ports, flags, overlay, cases,
 * mutants and manifests. It stands above the gateway's assembly, the judge and the exports, and
 * below the command line.
 *
 * ```ts
 * import { startGateway } from "../mod.ts";
 * import { profileKind } from "./mod.ts";
 *
 * const kind = profileKind("router");
 * const env = (name: string) => Deno.env.get(name);
 * const { profile } = await kind.bind({ logic: "session" }, { env, upstream: undefined });
 * await using gateway = await startGateway({
 *   profile,
 *   ports: {},
 *   envoyPath: "/usr/local/bin/envoy",
 *   runParents: ["/tmp"],
 * });
 * ```
 *
 * @module
 */
export type { AddOnKind, AnyAddOnKind } from "./add_on_kind.ts";
export { ADD_ONS, addOnsOf } from "./add_ons.ts";
export { callLogAddOn } from "./add_ons/call_log.ts";
export { tapAddOn } from "./add_ons/tap.ts";
export { TAP_CLUSTER, withTap } from "./add_ons/tap_config.ts";
export { transformOverlay } from "./add_ons/transform.ts";
export { profileKind, PROFILES } from "./all.ts";
export type { Asked, DeclaredFeatures, DeclaredParts, Judge } from "./judge.ts";
export type { AnyProfileKind, BoundProfile, ProfileKind, Surroundings } from "./kind.ts";
export {
  backendRoots,
  bodyBytesOf,
  healthOf,
  kubernetesOf,
  ROUTER_FLAGS,
  staticHostsOf,
} from "./router/flags.ts";
export { type RouterPart, type RouterPartOptions, routerProfile } from "./router/profile.ts";
export { EDGE_FLAGS, issuerKeysPath } from "./edge/flags.ts";
export { type EdgePart, type EdgePartOptions, edgeProfile } from "./edge/profile.ts";
export { RESPONSES_FLAGS, RESPONSES_PORT_FLAGS } from "./responses/flags.ts";
export {
  type ResponsesPart,
  type ResponsesPartOptions,
  responsesProfile,
} from "./responses/profile.ts";

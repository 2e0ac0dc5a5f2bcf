/**
 * xDS: the resources of an Envoy configuration for any number of Envoys, over the aggregated discovery service, in
 * both variants of the protocol. What each Envoy takes or refuses is in a journal, with its reason.
 *
 * ```ts
 * import { bundledConfig, messageEncoder } from "../envoy/mod.ts";
 * import { servedConfig, startXds } from "../xds/mod.ts";
 *
 * const encode = await messageEncoder();
 * const served = await servedConfig(bundledConfig("base"), { encode, listeners: false });
 * await using xds = await startXds({ port: 0, snapshot: served.snapshot });
 * xds.address; // for the cluster that ads_config names: adsBootstrap() prints both
 * ```
 *
 * @module
 */
export { acceptedConfig, type FollowOptions, followServed, type Judge } from "./follow.ts";
export type { Service, Snapshot, TypeResources } from "./resources.ts";
export {
  adsBootstrap,
  type AdsBootstrapOptions,
  type ServedConfig,
  servedConfig,
  XDS_CLUSTER,
} from "./served_config.ts";
export { startXds, type Xds, type XdsEvent, type XdsOptions } from "./server.ts";
export type { Said, Variant } from "./stream.ts";

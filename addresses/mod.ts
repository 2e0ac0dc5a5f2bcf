/**
 * IP addresses: which are in a network, and which are anybody's on the internet.
 *
 * ```ts
 * import { inNetworks, isPublic } from "../addresses/mod.ts";
 *
 * const inside = inNetworks(["10.0.0.0/8", "fd00::/8"]);
 * inside("::ffff:10.1.2.3"); // true
 * isPublic("169.254.169.254"); // false
 * ```
 *
 * @module
 */
export { isPublic } from "./internet.ts";
export { inNetworks, isNetwork } from "./networks.ts";

/**
 * A tap on what passes a gateway: an external processor in Envoy's observability mode, so that nobody
 * waits for it and nothing depends on it. It keeps bodies and events in memory, bounded, for the
 * console to show.
 *
 * ```ts
 * import { startTap } from "../tap/mod.ts";
 *
 * await using tap = await startTap();
 * tap.address; // for the cluster of an ext_proc filter with `observability_mode: true`
 * tap.subscribe(({ requestId }) => console.log(requestId));
 * ```
 *
 * @module
 */
export { Kept, type KeptPart } from "./kept.ts";
export { startTap, type Tap, type TapOptions } from "./tap.ts";

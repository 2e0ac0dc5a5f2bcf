/**
 * The command line: words → actions → exit codes. The only room that touches arguments, environment, standard streams
 * and signals, and it does so through a {@linkcode Host}, so that a test is a call:
 *
 * ```ts
 * const code = await main(["policy", "--port", "0"], denoHost());
 * ```
 *
 * @module
 */
export { denoHost, type Host, type Output, type Runtime, SELF_EXTRACTING_ENV } from "./host.ts";
export { PERMISSION_CLASSES } from "./command.ts";
export { main } from "./main.ts";
export { type BuildInfo, EMBEDDED_ENVOY, sourceInfo, VERSION } from "./version.ts";

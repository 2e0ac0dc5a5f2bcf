/**
 * The live page of requests at the control listener's `/`, and its data API, `/api/v1`. The page is
 * bundled from `page/` (`deno task console`) and embedded, so that it works without a network.
 *
 * ```ts
 * import { createConsole } from "../console/mod.ts";
 * import { startPolicy } from "../policy/mod.ts";
 *
 * await using policy = await startPolicy();
 * await using page = createConsole({
 *   policy,
 *   mocks: [],
 *   onRequest: () => ({ [Symbol.dispose]: () => {} }),
 *   facts: () => ({
 *     profile: "base",
 *     ingress: "http://127.0.0.1:8080",
 *     services: {},
 *     envoy: { version: "1.40.0", config: "base.yaml", config_sha256: "", launched_sha256: "" },
 *   }),
 * });
 * await page.handle(new Request("http://127.0.0.1:9003/api/v1/requests"));
 * ```
 *
 * @module
 */
export { type Console, createConsole } from "./app.ts";
export type { ConsoleOptions } from "./options.ts";
export type { CheckState, ConfigShown, ConsoleFacts, HostShown, TrendPoint } from "./shown.ts";
export type { RunningCheck, StartCheck } from "./check_runs.ts";
export type { Batch, Watched } from "./feed.ts";
export type { ConsoleDetail, ConsoleRequest, Lane } from "./request.ts";
export type { ConsoleSources, PartLane, Trends } from "./sources.ts";
export type { Tapped, TapSource } from "./tapped.ts";

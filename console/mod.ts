/**
 * The live page of requests at the control listener's `/`, and its data API, `/api/v1`. The page is
 * bundled from `page/` (`deno task console`) and embedded, so that it works without a network.
 *
 * ```ts
 * import { createConsole } from "../console/mod.ts";
 * import { startPolicy } from "../policy/mod.ts";
 *
 * await using policy = await startPolicy();
 * using page = createConsole({
 *   policy,
 *   mocks: [],
 *   onRequest: () => ({ [Symbol.dispose]: () => {} }),
 *   facts: () => ({
 *     profile: "base",
 *     ingress: "http://127.0.0.1:8080",
 *     services: {},
 *     envoy: { version: "1.40.0", config: "base.yaml", config_sha256: "" },
 *   }),
 * });
 * await page.handle(new Request("http://127.0.0.1:9003/api/v1/requests"));
 * ```
 *
 * @module
 */
export { type Console, type ConsoleFacts, type ConsoleOptions, createConsole } from "./app.ts";
export type { Batch, FinishedRequest, Watched } from "./feed.ts";
export type { ConsoleRequest, Lane } from "./request.ts";

/**
 * The OpenAI Responses gateway: `POST /v1/responses` behind Envoy's ext_proc, and files, vector stores, prompts,
 * conversations and connectors over HTTP, in one process with one state.
 *
 * ```ts
 * const app = httpApp({ resources: [] });
 * const answer = await app.request("/v1/nothing"); // 404, as OpenAI words it
 * ```
 *
 * @module
 */
export { httpApp, type HttpOptions } from "./http/app.ts";

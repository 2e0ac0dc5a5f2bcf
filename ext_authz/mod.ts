/**
 * Envoy's external authorization contract (`envoy.service.auth.v3`): codecs of its two messages and
 * a client of any policy engine that speaks it.
 *
 * ```ts
 * import { checkClient } from "../ext_authz/mod.ts";
 *
 * using engine = checkClient({ address: "127.0.0.1:9002" });
 * const { decision } = await engine.verdict({
 *   attributes: { request: { http: { method: "GET", path: "/v1/models" } } },
 * });
 * decision; // "allow", "deny" or "error"
 * ```
 *
 * @module
 */
export { decodeCheckRequest } from "./check_request.ts";
export type { CheckPeer, CheckRequest } from "./check_request.ts";
export { APPEND_ACTIONS, encodeCheckResponse } from "./check_response.ts";
export type {
  AppendAction,
  CheckResponse,
  DeniedResponse,
  HeaderOption,
  OkResponse,
} from "./check_response.ts";
export { checkClient } from "./client.ts";
export type { CheckClient, Verdict } from "./client.ts";

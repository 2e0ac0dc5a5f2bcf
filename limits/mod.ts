/**
 * Limits: Envoy's rate-limit service (`envoy.service.ratelimit.v3`) with requests, tokens and cost
 * per tenant, key, model, session or any descriptor, in windows from a second to a month.
 *
 * ```ts
 * import { startLimits } from "../limits/mod.ts";
 *
 * await using limits = await startLimits({
 *   limits: `{ version: 1, limits: [{ match: { tenant: "*" }, tokens: { per: day, max: 100 } }] }`,
 * });
 * limits.address; // for the cluster of Envoy's ratelimit filter
 * limits.journal.subscribe(({ subject, outcome }) => console.log(subject, outcome));
 * ```
 *
 * @module
 */
export type { Charge } from "./charge.ts";
export type { LimitsDecision } from "./decision.ts";
export { BYTES_PER_TOKEN } from "./charge.ts";
export { DEFAULT_LIMITS } from "./default_limits.ts";
export { parseLimits } from "./limits_file.ts";
export { LIMITS_FILE, type LimitsFile } from "./limits_schema.ts";
export { type Limits, type LimitsOptions, RATE_LIMIT_SERVICE, startLimits } from "./limits.ts";

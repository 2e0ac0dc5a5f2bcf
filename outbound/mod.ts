/**
 * The one way to addresses that somebody else chose: connectors, callbacks, pages that a search found.
 *
 * ```ts
 * import { outbound } from "../outbound/mod.ts";
 *
 * const way = outbound({ allow: ["mcp.internal:8000"] });
 * const signal = AbortSignal.timeout(5_000);
 * await way.fetch("http://mcp.internal:8000/mcp", { signal });
 * await way.fetch("http://169.254.169.254/latest/meta-data/", { signal }); // throws OutboundError
 * ```
 *
 * What is resolved is what is dialled; redirects are not followed; bodies have a bound.
 *
 * @module
 */
export {
  type Outbound,
  outbound,
  OutboundError,
  type OutboundRequest,
  type OutboundRules,
} from "./outbound.ts";

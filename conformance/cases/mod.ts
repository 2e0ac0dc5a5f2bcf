/**
 * The catalogue: every case, in the order in which it is listed and reported. Explicit lists, so
 * that a case can be found and nothing registers itself.
 *
 * @module
 */
import type { Case } from "../case.ts";
import { ALLOW_CASES } from "./allow.ts";
import { CACHE_CASES } from "./cache.ts";
import { CANCEL_CASES } from "./cancel.ts";
import { CONTRACT_CASES } from "./contract.ts";
import { DENY_CASES } from "./deny.ts";
import { EVERY_WAY_CASES } from "./every_way.ts";
import { EXTENSION_CASES } from "./extensions.ts";
import { FALLBACK_CASES } from "./fallback.ts";
import { FALLBACK_TIME_CASES } from "./fallback_time.ts";
import { TRACE_CASES } from "./trace.ts";
import { RELOAD_CASES } from "./reload.ts";
import { SHADOW_CASES } from "./shadow.ts";
import { EXT_PROC_CASES } from "./ext_proc.ts";
import { FAIL_CLOSED_CASES, FAILURE_MODE_CASES } from "./fail_closed.ts";
import { GUARD_CASES } from "./guard.ts";
import { HTTP_CASES } from "./http.ts";
import { HTTP3_CASES } from "./http3.ts";
import { LIMIT_CASES } from "./limits.ts";
import { LIMITS_SERVICE_CASES } from "./limits_service.ts";
import { CERTIFICATE_CASES } from "./certificates.ts";
import { TOKEN_CASES } from "./tokens.ts";
import { MCP_CASES, MCP_TOOLS_CASES } from "./mcp.ts";
import { MODEL_POLICY_CASES } from "./model_policy.ts";
import { MUTATION_CASES } from "./mutation.ts";
import { OBSERVABILITY_CASES } from "./observability.ts";
import { JWT_CASES, RATE_LIMIT_CASES } from "./opt_in.ts";
import { PASS_CASES } from "./passthrough.ts";
import { PROTOCOL_CASES } from "./protocols.ts";
import { REDACT_CASES } from "./redact.ts";
import { REDACT_REQUEST_CASES } from "./redact_requests.ts";
import { ROUTER_CASES as DECISION_CASES } from "./router.ts";
import { ROUTER_LOAD_CASES } from "./router_load.ts";
import { ROUTER_REWRITE_CASES } from "./router_rewrite.ts";
import { ROUTER_SAFETY_CASES } from "./router_safety.ts";
import { RESPONSE_CASES } from "./responses.ts";
import { RESPONSE_ERROR_CASES } from "./responses_errors.ts";
import { RESPONSE_FAILURE_CASES } from "./responses_failures.ts";
import { RESPONSE_SERVER_CASES } from "./responses_servers.ts";
import { RESPONSE_STATE_CASES } from "./responses_state.ts";
import { RESPONSE_TOOL_CASES } from "./responses_tools.ts";
import { RESPONSE_STREAM_CASES } from "./responses_stream.ts";
import { RETRY_CASES, ROUTING_CASES } from "./routing.ts";
import { VECTOR_STORE_CASES } from "./responses_vector_stores.ts";
import { SECURITY_CASES } from "./security.ts";
import { SECURITY_PATH_CASES } from "./security_paths.ts";
import { CONTEXT_CASES } from "./session_context.ts";
import { SMALL_FILTER_CASES } from "./small_filters.ts";
import { SMUGGLING_CASES } from "./smuggling.ts";
import { STREAM_CASES } from "./stream.ts";
import { STREAM_FORMAT_CASES } from "./stream_format.ts";
import { STREAM_LOAD_CASES } from "./stream_load.ts";
import { STREAM_TIME_CASES } from "./stream_time.ts";

/** All cases. */
export const CASES: readonly Case[] = [
  ...CONTRACT_CASES,
  ...ALLOW_CASES,
  ...DENY_CASES,
  ...EVERY_WAY_CASES,
  ...MUTATION_CASES,
  ...FAIL_CLOSED_CASES,
  ...STREAM_CASES,
  ...STREAM_FORMAT_CASES,
  ...STREAM_TIME_CASES,
  ...STREAM_LOAD_CASES,
  ...PASS_CASES,
  ...CANCEL_CASES,
  ...LIMIT_CASES,
  ...OBSERVABILITY_CASES,
  ...ROUTING_CASES,
  ...RETRY_CASES,
  ...HTTP_CASES,
  ...HTTP3_CASES,
  ...SMUGGLING_CASES,
  ...FAILURE_MODE_CASES,
  ...EXT_PROC_CASES,
  ...JWT_CASES,
  ...RATE_LIMIT_CASES,
  ...SECURITY_CASES,
  ...SECURITY_PATH_CASES,
  ...MODEL_POLICY_CASES,
  ...MCP_CASES,
  ...PROTOCOL_CASES,
  ...SMALL_FILTER_CASES,
  ...EXTENSION_CASES,
];

/** Cases of a model router, beside those of the catalogue. */
export const ROUTER_CASES: readonly Case[] = [
  ...DECISION_CASES,
  ...ROUTER_SAFETY_CASES,
  ...ROUTER_REWRITE_CASES,
  ...ROUTER_LOAD_CASES,
];

/** Cases of what a gateway makes of requests and answers: redaction, guards, a cache, a session's context, lists of tools. */
export const TRANSFORM_CASES: readonly Case[] = [
  ...REDACT_CASES,
  ...REDACT_REQUEST_CASES,
  ...GUARD_CASES,
  ...CACHE_CASES,
  ...CONTEXT_CASES,
  ...MCP_TOOLS_CASES,
];

/** Cases of a gateway with tokens, certificates and limits of its own. */
export const EDGE_CASES: readonly Case[] = [
  ...LIMITS_SERVICE_CASES,
  ...TOKEN_CASES,
  ...CERTIFICATE_CASES,
  ...FALLBACK_CASES,
  ...FALLBACK_TIME_CASES,
  ...SHADOW_CASES,
  ...RELOAD_CASES,
  ...TRACE_CASES,
];

/** Cases of a Responses gateway: what it makes, how it streams, what it keeps, and for whom. */
export const RESPONSES_CASES: readonly Case[] = [
  ...RESPONSE_CASES,
  ...RESPONSE_STREAM_CASES,
  ...RESPONSE_FAILURE_CASES,
  ...RESPONSE_SERVER_CASES,
  ...RESPONSE_ERROR_CASES,
  ...RESPONSE_STATE_CASES,
  ...RESPONSE_TOOL_CASES,
  ...VECTOR_STORE_CASES,
];

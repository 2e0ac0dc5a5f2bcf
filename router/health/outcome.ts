/** Reads Envoy's log entry of a request as outcomes at the hosts that it was sent to. */
import type { JsonObject } from "../../grpc/mod.ts";
import { addressOf, objectAt, USAGE_NAMESPACE } from "../access_log.ts";
import type { Outcome } from "./health_board.ts";

/** One attempt at a host. */
export interface Attempt {
  readonly endpoint: string;
  /** Undefined when it says nothing about the host: the client left, or asked for too much. */
  readonly outcome: Outcome | undefined;
  /** Milliseconds that the host asked not to be asked for; undefined where it did not. */
  readonly restMs?: number;
}

/** Where the router wrote which hosts Envoy may try, in their order. */
export interface EndpointPlace {
  readonly namespace: string;
  readonly key: string;
}

/** Statuses that say that the host failed, whatever was asked of it. */
const FAILED = new Set([500, 502, 503, 504]);

/** Envoy's code details (its documentation, "Response code details") of attempts that reached nobody. */
const UNREACHABLE = /^upstream_reset_before_response_started\{[^}]*connection_(failure|timeout)/;
/** Envoy's own circuit breaker: the host was not asked. */
const OVERFLOW = /^upstream_reset_before_response_started\{overflow/;
const RESET = /^upstream_reset_|^upstream_.*protocol_error|^http[12]\./;
const TIMED_OUT = /^(upstream_)?(response|per_try|route).*timeout/;

/**
 * Returns the attempts of a request, from an `envoy.data.accesslog.v3.HTTPAccessLogEntry`; none when
 * the router named no host for it. All but the last reached nobody: only then does Envoy try again.
 */
export function attemptsOf(entry: JsonObject, place: EndpointPlace): Attempt[] {
  const common = objectAt(entry, "common_properties");
  const namespaces = objectAt(objectAt(common, "metadata"), "filter_metadata");
  const named = objectAt(namespaces, place.namespace)[place.key];
  if (typeof named !== "string" || named === "") return [];
  const tried = Number(common["upstream_request_attempt_count"] ?? 0);
  // Nobody was tried: none of the hosts is known to Envoy, or the client left before.
  if (tried === 0) return [];
  const endpoints = named.split(",");
  const failed = endpoints.slice(0, tried - 1)
    .map((endpoint): Attempt => ({ endpoint, outcome: "unreachable" }));
  // It may try more often than there are hosts; then the last attempt found none.
  const last = tried > endpoints.length ? undefined : addressOf(common) ?? endpoints[tried - 1];
  if (last === undefined) return failed;
  const outcome = outcomeOf(common, objectAt(entry, "response"));
  const restMs = restOf(objectAt(namespaces, USAGE_NAMESPACE)["retry_after"]);
  return [...failed, { endpoint: last, outcome, ...(restMs === undefined ? {} : { restMs }) }];
}

/** Reads `retry-after` (RFC 9110, 10.2.3): seconds, or a date. */
function restOf(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return ms > 0 ? ms : undefined;
}

function outcomeOf(common: JsonObject, response: JsonObject): Outcome | undefined {
  const details = String(response["response_code_details"] ?? "");
  const flags = objectAt(common, "response_flags");
  if (details === "via_upstream") {
    return FAILED.has(Number(response["response_code"])) ? "error" : "answered";
  }
  if (UNREACHABLE.test(details)) return "unreachable";
  if (TIMED_OUT.test(details) || flags["upstream_request_timeout"] === true) return "error";
  return RESET.test(details) && !OVERFLOW.test(details) ? "broken" : undefined;
}

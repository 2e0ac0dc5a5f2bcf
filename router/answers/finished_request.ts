/** Envoy's log entry about a finished request, as a plain value. */
import type { JsonObject } from "../../grpc/mod.ts";
import { addressOf, objectAt, USAGE_NAMESPACE } from "../access_log.ts";
import { LOG_NAMESPACE } from "../exchange.ts";

/** A routed request that is over, however it ended. Durations are seconds. */
export interface FinishedRequest {
  readonly route: string;
  /** As the routes name it. */
  readonly model: string;
  /** As the answer names it; undefined where it does not, or not near its end. */
  readonly responseModel: string | undefined;
  /** Id of the response that a host keeps; undefined where it keeps none. */
  readonly responseId: string | undefined;
  readonly tenant: string | undefined;
  /** The operation, in OpenTelemetry's words. */
  readonly operation: string;
  /** ADDRESS:PORT of the host that was asked last; the chosen one when none could be. */
  readonly host: string;
  /** Status that the client got; 0 without an answer. */
  readonly status: number;
  /** More than 1 where another host was tried. */
  readonly attempts: number;
  /** From the request's first byte to the answer's last. */
  readonly duration: number;
  /** Until the host was sent the request: policy, the whole body, the decision, a connection. */
  readonly queued: number | undefined;
  /** From there to the first byte of a stream's body. */
  readonly firstToken: number | undefined;
  /** Between two tokens of a stream; undefined for an answer in one piece. */
  readonly perToken: number | undefined;
  /** `usage` of the answer; undefined where it says none. */
  readonly inputTokens: number | undefined;
  readonly outputTokens: number | undefined;
}

/**
 * Reads an HTTPAccessLogEntry; undefined for a request that was not routed.
 */
export function finishedRequest(entry: JsonObject): FinishedRequest | undefined {
  const common = objectAt(entry, "common_properties");
  const metadata = objectAt(objectAt(common, "metadata"), "filter_metadata");
  const decision = objectAt(metadata, LOG_NAMESPACE);
  const { route, model, endpoint, operation } = decision;
  if (typeof route !== "string" || typeof model !== "string") return undefined;
  const usage = objectAt(metadata, USAGE_NAMESPACE);
  const queued = seconds(common["time_to_first_upstream_tx_byte"]);
  const first = numberAt(usage, "first_us");
  const start = epochMicroseconds(common["start_time"]);
  const stream = usage["stream"] === true;
  const output = numberAt(usage, "output_tokens");
  return {
    route,
    model,
    responseModel: typeof usage["model"] === "string" ? usage["model"] : undefined,
    responseId: typeof usage["response"] === "string" ? usage["response"] : undefined,
    tenant: typeof decision["tenant"] === "string" ? decision["tenant"] : undefined,
    operation: String(operation ?? "_OTHER"),
    host: addressOf(common) ?? String(endpoint ?? ""),
    status: Number(objectAt(entry, "response")["response_code"] ?? 0),
    attempts: Number(common["upstream_request_attempt_count"] ?? 0),
    duration: seconds(common["duration"]) ?? 0,
    queued,
    firstToken: stream && first !== undefined && start !== undefined
      // Two clock readings of one process; never less than nothing.
      ? Math.max(0, (first - start) / 1e6 - (queued ?? 0))
      : undefined,
    perToken: stream ? perToken(usage, output) : undefined,
    inputTokens: numberAt(usage, "input_tokens"),
    outputTokens: output,
  };
}

/** Tokens after the first, by `usage`; by the stream's events where it says none. */
function perToken(usage: JsonObject, output: number | undefined): number | undefined {
  const first = numberAt(usage, "first_us");
  const last = numberAt(usage, "last_us");
  const count = output ?? numberAt(usage, "events");
  if (first === undefined || last === undefined || count === undefined) return undefined;
  return count > 1 ? Math.max(0, last - first) / 1e6 / (count - 1) : undefined;
}

function numberAt(value: JsonObject, key: string): number | undefined {
  const inner = value[key];
  return typeof inner === "number" && Number.isFinite(inner) && inner >= 0 ? inner : undefined;
}

/** A Duration message. */
function seconds(value: unknown): number | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { seconds = 0, nanos = 0 } = value as { seconds?: unknown; nanos?: unknown };
  return Number(seconds) + Number(nanos) / 1e9;
}

/** A Timestamp message, or its JSON form. */
function epochMicroseconds(value: unknown): number | undefined {
  const whole = seconds(value);
  if (whole !== undefined) return whole * 1e6;
  const [, date, fraction = "0"] = /^(.*:\d\d)(?:\.(\d+))?Z$/.exec(String(value)) ?? [];
  // A Date would cut off what is below a millisecond.
  return date === undefined
    ? undefined
    : Date.parse(`${date}Z`) * 1e3 + Number(`0.${fraction}`) * 1e6;
}

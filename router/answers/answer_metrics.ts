/** Metrics of the answers to routed requests. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { FinishedRequest } from "./finished_request.ts";

/** OpenTelemetry's attributes of a request, in Prometheus' spelling. */
const SERVED = [
  "gen_ai_operation_name",
  "gen_ai_provider_name",
  "gen_ai_request_model",
  "gen_ai_response_model",
  "server_address",
  "server_port",
] as const;

/** Provider whose API the hosts speak; the conventions use the name for that, whoever runs the model. */
const PROVIDER = "openai";

/**
 * Bounds of each histogram, as OpenTelemetry's semantic conventions for generative AI metrics
 * recommend them; seconds, and tokens.
 */
export const ANSWER_BUCKETS = {
  duration: [
    0.01,
    0.02,
    0.04,
    0.08,
    0.16,
    0.32,
    0.64,
    1.28,
    2.56,
    5.12,
    10.24,
    20.48,
    40.96,
    81.92,
  ],
  firstToken: [
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
  ],
  perToken: [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5],
  tokens: [
    1,
    4,
    16,
    64,
    256,
    1024,
    4096,
    16384,
    65536,
    262144,
    1048576,
    4194304,
    16777216,
    67108864,
  ],
} as const;

/** Durations and tokens of answers, by model and host; all of it from Envoy's access log. */
export class AnswerMetrics {
  readonly #duration: Histogram;
  readonly #firstToken: Histogram;
  readonly #perToken: Histogram;
  readonly #usage: Histogram;
  readonly #queue: Histogram;
  readonly #tokens: Counter;
  readonly #answers: Counter;
  readonly #inFlight: Gauge;
  /** Models that each host was asked for. */
  readonly #models = new Map<string, Set<string>>();

  constructor(registry: Registry) {
    const registers = [registry];
    const seconds = (name: string, help: string, buckets: readonly number[], labels: string[]) =>
      new Histogram({ name, help, labelNames: labels, buckets: [...buckets], registers });
    this.#duration = seconds(
      "gen_ai_server_request_duration_seconds",
      "From the request's first byte to the answer's last",
      ANSWER_BUCKETS.duration,
      [...SERVED, "error_type"],
    );
    this.#firstToken = seconds(
      "gen_ai_server_time_to_first_token_seconds",
      "From the request's sending to the host until its stream's first bytes",
      ANSWER_BUCKETS.firstToken,
      [...SERVED],
    );
    this.#perToken = seconds(
      "gen_ai_server_time_per_output_token_seconds",
      "Between two tokens of a stream, after the first",
      ANSWER_BUCKETS.perToken,
      [...SERVED],
    );
    this.#usage = seconds(
      "gen_ai_client_token_usage",
      "Tokens of one request, as the answer's usage says",
      ANSWER_BUCKETS.tokens,
      [...SERVED, "gen_ai_token_type"],
    );
    this.#queue = seconds(
      "llmgate_router_queue_seconds",
      "From the request's first byte until it was sent to a host",
      ANSWER_BUCKETS.firstToken,
      ["model", "host"],
    );
    this.#tokens = new Counter({
      name: "llmgate_router_tokens_total",
      help: "Tokens by model, host and type (input, output)",
      labelNames: ["model", "host", "type"],
      registers,
    });
    this.#answers = new Counter({
      name: "llmgate_router_answers_total",
      help: "Routed requests that are over, by the status that the client got; 0: none",
      labelNames: ["route", "model", "host", "status"],
      registers,
    });
    this.#inFlight = new Gauge({
      name: "llmgate_router_in_flight_requests",
      help: "Requests not yet answered to the last byte, by model and host",
      labelNames: ["model", "host"],
      registers,
    });
  }

  /** A request was routed, and is not over. */
  started(model: string, host: string): void {
    this.#inFlight.inc({ model, host });
    const models = this.#models.get(host);
    if (models === undefined) this.#models.set(host, new Set([model]));
    else models.add(model);
  }

  /** It is over. */
  ended(model: string, host: string): void {
    this.#inFlight.dec({ model, host });
  }

  /** A host that is no more has no gauges any more. */
  gone(host: string): void {
    for (const model of this.#models.get(host) ?? []) this.#inFlight.remove({ model, host });
    this.#models.delete(host);
  }

  /** Envoy's log entry about it, a moment later. */
  finished(request: FinishedRequest): void {
    const { route, model, host, status, inputTokens, outputTokens } = request;
    const served = servedBy(request);
    const failed = status >= 400 || status === 0 ? { error_type: `${status}` } : {};
    this.#answers.inc({ route, model, host, status: `${status}` });
    this.#duration.observe({ ...served, ...failed }, request.duration);
    if (request.queued !== undefined) this.#queue.observe({ model, host }, request.queued);
    if (request.firstToken !== undefined) this.#firstToken.observe(served, request.firstToken);
    if (request.perToken !== undefined) this.#perToken.observe(served, request.perToken);
    for (const [type, count] of [["input", inputTokens], ["output", outputTokens]] as const) {
      if (count === undefined) continue;
      this.#tokens.inc({ model, host, type }, count);
      this.#usage.observe({ ...served, gen_ai_token_type: type }, count);
    }
  }
}

function servedBy({ operation, model, responseModel, host }: FinishedRequest) {
  const colon = host.lastIndexOf(":");
  return {
    gen_ai_operation_name: operation,
    gen_ai_provider_name: PROVIDER,
    gen_ai_request_model: model,
    ...(responseModel === undefined ? {} : { gen_ai_response_model: responseModel }),
    server_address: host.slice(0, colon).replace(/^\[|\]$/g, ""),
    server_port: host.slice(colon + 1),
  };
}

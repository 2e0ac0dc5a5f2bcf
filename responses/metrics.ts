/** Counters of the gateway, in Prometheus' text format. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ResponseObject } from "./api/objects.ts";
import type { ResponseUsage } from "./engine/usage.ts";

/** Bounds in seconds: from a mock's first token to the deadline. */
const BUCKETS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120];

/** Counters of one gateway. */
export class ResponsesMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter;
  readonly #ended: Counter;
  readonly #errors: Counter;
  readonly #tokens: Counter;
  readonly #seconds: Histogram;
  readonly #running: Gauge;
  readonly #backend: Gauge;

  constructor() {
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: "llmgate_responses_requests_total",
      help: "Requests for a response, by way in and HTTP status",
      labelNames: ["front", "status"],
      registers,
    });
    this.#ended = new Counter({
      name: "llmgate_responses_ended_total",
      help: "Responses that have ended, by their status",
      labelNames: ["status"],
      registers,
    });
    this.#errors = new Counter({
      name: "llmgate_responses_errors_total",
      help: "Responses that failed, and requests that were refused, by error code",
      labelNames: ["code"],
      registers,
    });
    this.#tokens = new Counter({
      name: "llmgate_responses_tokens_total",
      help: "Tokens as the model server counted them",
      labelNames: ["direction"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "llmgate_responses_begin_seconds",
      help: "Time from the whole request to the beginning of its answer",
      buckets: BUCKETS,
      registers,
    });
    this.#running = new Gauge({
      name: "llmgate_responses_running",
      help: "Responses that have begun and not ended",
      registers,
    });
    this.#backend = new Gauge({
      name: "llmgate_responses_backend_up",
      help: "Whether the model server answered when /health asked last",
      registers,
    });
  }

  requested(labels: { front: "extproc" | "http"; status: number }, code: string | undefined): void {
    this.#requests.inc(labels);
    if (code !== undefined) this.#errors.inc({ code });
  }

  /** @param ms How long it took to begin, milliseconds. */
  began(ms: number): void {
    this.#running.inc();
    this.#seconds.observe(ms / 1000);
  }

  ended({ status, error, usage }: ResponseObject & { readonly usage?: unknown }): void {
    this.#running.dec();
    this.#ended.inc({ status });
    if (error) this.#errors.inc({ code: error.code });
    const tokens = usage as ResponseUsage | null;
    if (!tokens) return;
    this.#tokens.inc({ direction: "input" }, tokens.input_tokens);
    this.#tokens.inc({ direction: "output" }, tokens.output_tokens);
  }

  backend(up: boolean): void {
    this.#backend.set(up ? 1 : 0);
  }

  /** Everything, as `/metrics` serves it. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

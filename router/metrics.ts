/** Metrics of the router. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { AnswerMetrics } from "./answers/answer_metrics.ts";
import { VllmGauges } from "./vllm_gauges.ts";
import { HOST_STATES, type HostState, type Outcome } from "./health/health_board.ts";

/** Bounds in seconds: a decision takes microseconds, a large body some milliseconds. */
const BUCKETS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.05, 0.25];

/** Counters of the router, in Prometheus' text format. */
export class RouterMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter;
  readonly #refusals: Counter;
  readonly #failures: Counter;
  readonly #reloads: Counter;
  readonly #outstanding: Gauge;
  readonly #attempts: Counter;
  readonly #state: Gauge;
  readonly #seconds: Histogram;
  readonly #fallbacks: Counter;
  /** Outcomes of routed requests. */
  readonly answers: AnswerMetrics;
  /** Load of the hosts, under the vLLM router's names. */
  readonly vllm: VllmGauges;

  constructor() {
    const registers = [this.#registry];
    this.vllm = new VllmGauges(this.#registry);
    this.answers = new AnswerMetrics(this.#registry);
    this.#fallbacks = new Counter({
      name: "llmgate_router_fallbacks_total",
      help: "Requests that went to a fallback of their route, since its own hosts were not healthy",
      labelNames: ["route", "model"],
      registers,
    });
    this.#requests = new Counter({
      name: "llmgate_router_requests_total",
      help: "Requests routed, by route, model and host",
      labelNames: ["route", "model", "host"],
      registers,
    });
    this.#refusals = new Counter({
      name: "llmgate_router_refusals_total",
      help: "Requests that the router refused, by error code",
      labelNames: ["code"],
      registers,
    });
    this.#failures = new Counter({
      name: "llmgate_router_stream_errors_total",
      help: "ext_proc streams that broke the contract or failed inside",
      registers,
    });
    this.#reloads = new Counter({
      name: "llmgate_router_routes_reloads_total",
      help: "Reloads of the routes by result",
      labelNames: ["result"],
      registers,
    });
    this.#outstanding = new Gauge({
      name: "llmgate_router_outstanding_requests",
      help: "Requests not yet answered to the last byte, by host",
      labelNames: ["host"],
      registers,
    });
    this.#attempts = new Counter({
      name: "llmgate_router_attempts_total",
      help: "Attempts by host and outcome, as Envoy logged them; the client left: unknown",
      labelNames: ["host", "outcome"],
      registers,
    });
    this.#state = new Gauge({
      name: "llmgate_router_host_state",
      help: "1 for the state that a host is in",
      labelNames: ["host", "state"],
      registers,
    });
    this.#seconds = new Histogram({
      name: "llmgate_router_decision_seconds",
      help: "Time to decide on one request",
      buckets: BUCKETS,
      registers,
    });
  }

  routed(labels: { route: string; model: string; host: string }, fallback: boolean): void {
    this.#requests.inc(labels);
    if (fallback) this.#fallbacks.inc({ route: labels.route, model: labels.model });
  }

  refused(code: string): void {
    this.#refusals.inc({ code });
  }

  failed(): void {
    this.#failures.inc();
  }

  reloaded(result: "ok" | "failed"): void {
    this.#reloads.inc({ result });
  }

  outstanding(host: string, count: number): void {
    this.#outstanding.set({ host }, count);
  }

  /** Counts an attempt of a request at a host. */
  attempted(host: string, outcome: Outcome | undefined): void {
    this.#attempts.inc({ host, outcome: outcome ?? "unknown" });
  }

  /** Notes the state of a host. */
  stood(host: string, found: HostState): void {
    for (const state of HOST_STATES) this.#state.set({ host, state }, state === found ? 1 : 0);
  }

  /** A host that is no more has no gauges any more. */
  gone(host: string): void {
    this.#outstanding.remove({ host });
    this.answers.gone(host);
    for (const state of HOST_STATES) this.#state.remove({ host, state });
  }

  /** @param ms How long a decision took, milliseconds. */
  decided(ms: number): void {
    this.#seconds.observe(ms / 1000);
  }

  /** Everything, as `/metrics` serves it. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

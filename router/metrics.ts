import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Bounds in seconds: a decision takes microseconds, a large body some milliseconds. */
const BUCKETS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.05, 0.25];

/** What the router counts, in Prometheus' text format. */
export class RouterMetrics {
  readonly #registry = new Registry();
  readonly #requests: Counter;
  readonly #refusals: Counter;
  readonly #failures: Counter;
  readonly #reloads: Counter;
  readonly #outstanding: Gauge;
  readonly #seconds: Histogram;

  constructor() {
    const registers = [this.#registry];
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
    this.#seconds = new Histogram({
      name: "llmgate_router_decision_seconds",
      help: "Time to decide on one request",
      buckets: BUCKETS,
      registers,
    });
  }

  routed(labels: { route: string; model: string; host: string }): void {
    this.#requests.inc(labels);
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

  /** @param ms How long a decision took, milliseconds. */
  decided(ms: number): void {
    this.#seconds.observe(ms / 1000);
  }

  /** Everything, as `/metrics` serves it. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

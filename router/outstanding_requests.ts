/** Counts the requests that each host has not answered to the last byte. */
import type { BackendHost } from "./hosts.ts";
import type { RouterMetrics } from "./metrics.ts";

/** Requests under way by endpoint, kept in step with the metrics. */
export class OutstandingRequests {
  readonly #counts = new Map<string, number>();
  readonly #metrics: RouterMetrics;
  #known: ReadonlySet<string> = new Set();

  constructor(metrics: RouterMetrics) {
    this.#metrics = metrics;
  }

  /** Returns the number for an endpoint; 0 for one that was never asked. */
  of(endpoint: string): number {
    return this.#counts.get(endpoint) ?? 0;
  }

  started(endpoint: string): void {
    this.#set(endpoint, this.of(endpoint) + 1);
  }

  ended(endpoint: string): void {
    this.#set(endpoint, this.of(endpoint) - 1);
  }

  /** Adopts a new list of hosts. A host that was not asked yet counts 0, so that metrics show it. */
  follow(hosts: readonly BackendHost[]): void {
    this.#known = new Set(hosts.map(({ endpoint }) => endpoint));
    for (const endpoint of this.#known) this.#set(endpoint, this.of(endpoint));
    for (const [endpoint, count] of this.#counts) this.#set(endpoint, count);
  }

  /** A host that went is forgotten with its last request. */
  #set(endpoint: string, count: number): void {
    if (count > 0 || this.#known.has(endpoint)) {
      this.#counts.set(endpoint, count);
      this.#metrics.outstanding(endpoint, count);
    } else {
      this.#counts.delete(endpoint);
      this.#metrics.gone(endpoint);
    }
  }
}

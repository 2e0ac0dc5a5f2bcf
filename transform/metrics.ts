/** Counts what becomes of exchanges. */
import type { MetricFamily } from "../service/mod.ts";
import type { ExchangeReport } from "./processor.ts";

/** Numbers of exchanges, by outcome. */
export class TransformMetrics {
  readonly #counts = new Map<string, number>();

  count({ outcome, code = "" }: ExchangeReport): void {
    const key = `${outcome} ${code}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  families(): MetricFamily[] {
    return [{
      name: "llmgate_transform_requests_total",
      help:
        "Requests by what the steps made of them: passed, changed, answered or refused, and why.",
      kind: "counter",
      samples: [...this.#counts].map(([key, value]) => {
        const [outcome = "", code = ""] = key.split(" ");
        return { value, labels: { outcome, code } };
      }),
    }];
  }
}

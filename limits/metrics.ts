/** Counts what a limits service decides. */
import type { MetricFamily } from "../service/mod.ts";
import type { LimitsDecision } from "./decision.ts";

/** Numbers of decisions, and of tokens by where they come from. */
export class LimitsMetrics {
  readonly #answers = new Map<string, number>();
  readonly #charges = new Map<string, number>();
  readonly #tokens = new Map<string, number>();

  count({ outcome, code, charge }: LimitsDecision): void {
    if (charge === undefined) return add(this.#answers, code ?? outcome, 1);
    add(this.#charges, charge.source, 1);
    add(this.#tokens, charge.source, charge.tokens);
  }

  families(): MetricFamily[] {
    return [
      {
        name: "llmgate_limits_answers_total",
        help: "Questions answered, by outcome: pass, or the code of the refusal.",
        kind: "counter",
        samples: samples(this.#answers, "outcome"),
      },
      {
        name: "llmgate_limits_charges_total",
        help: "Answers charged, by where their tokens come from: usage, estimate or free.",
        kind: "counter",
        samples: samples(this.#charges, "source"),
      },
      {
        name: "llmgate_limits_charged_tokens_total",
        help: "Tokens charged, by where they come from: usage or estimate.",
        kind: "counter",
        samples: samples(this.#tokens, "source"),
      },
    ];
  }
}

function add(counts: Map<string, number>, name: string, value: number): void {
  counts.set(name, (counts.get(name) ?? 0) + value);
}

function samples(counts: ReadonlyMap<string, number>, label: string): MetricFamily["samples"] {
  return [...counts].map(([name, value]) => ({ value, labels: { [label]: name } }));
}

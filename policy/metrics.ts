/** Counters of a policy stub, in Prometheus' text format. */
import { HistogramCounts, metricsText } from "../service/mod.ts";

/** Bounds in seconds: a decision takes microseconds, a scripted delay seconds. */
const BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.05, 0.25, 1, 2.5];

/** State of the stub that is reported besides the counts. */
export interface Reported {
  /** Entries that the journal no longer holds. */
  readonly dropped: () => number;
  readonly reloads: () => { ok: number; failed: number };
}

/** Counts decisions; cheap to feed, since text is only made when someone scrapes. */
export class PolicyMetrics {
  readonly #counts = new Map<string, { labels: Labels; value: number }>();
  readonly #seconds = new HistogramCounts(BUCKETS);
  readonly #about: Reported;

  constructor(about: Reported) {
    this.#about = about;
  }

  /** Counts one answer. */
  count(labels: Labels, ms: number): void {
    const id = `${labels.decision} ${labels.rule} ${labels.code}`;
    const entry = this.#counts.get(id);
    if (entry === undefined) this.#counts.set(id, { labels, value: 1 });
    else entry.value++;
    this.#seconds.observe(ms / 1000);
  }

  /** Everything, as `/metrics` serves it. */
  text(): string {
    const reloads = Object.entries(this.#about.reloads());
    return metricsText([
      {
        name: "llmgate_policy_checks_total",
        help: "Check calls by decision, rule and code",
        kind: "counter",
        samples: [...this.#counts.values()].map(({ labels, value }) => ({
          labels: { ...labels },
          value,
        })),
      },
      {
        name: "llmgate_policy_rules_reloads_total",
        help: "Reloads of the rules by result",
        kind: "counter",
        samples: reloads.map(([result, value]) => ({ labels: { result }, value })),
      },
      {
        name: "llmgate_policy_journal_dropped",
        help: "Entries that the bounded journal no longer holds",
        kind: "gauge",
        samples: [{ value: this.#about.dropped() }],
      },
      {
        name: "llmgate_policy_check_seconds",
        help: "Time from a Check call's arrival to its answer",
        kind: "histogram",
        samples: this.#seconds.samples(),
      },
    ]);
  }
}

/** Labels of an answer. */
export interface Labels {
  readonly decision: string;
  readonly rule: string;
  readonly code: string;
}

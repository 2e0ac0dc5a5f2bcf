/** Counters of a policy stub, in Prometheus' text format. */
import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Bounds in seconds: a decision takes microseconds, a scripted delay seconds. */
const BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.05, 0.25, 1, 2.5];

/** Counts decisions; cheap to feed, since labels are only resolved when someone scrapes. */
export class PolicyMetrics {
  readonly #registry = new Registry();
  readonly #counts = new Map<string, { labels: Labels; value: number }>();
  readonly #seconds: Histogram;

  /** @param about Reads the state that is reported besides the counts. */
  constructor(about: { dropped: () => number; reloads: () => { ok: number; failed: number } }) {
    const registers = [this.#registry];
    const counts = this.#counts;
    new Counter({
      name: "llmgate_policy_checks_total",
      help: "Check calls by decision, rule and code",
      labelNames: ["decision", "rule", "code"],
      registers,
      collect() {
        this.reset();
        for (const { labels, value } of counts.values()) this.inc({ ...labels }, value);
      },
    });
    new Counter({
      name: "llmgate_policy_rules_reloads_total",
      help: "Reloads of the rules by result",
      labelNames: ["result"],
      registers,
      collect() {
        this.reset();
        for (const [result, value] of Object.entries(about.reloads())) this.inc({ result }, value);
      },
    });
    new Gauge({
      name: "llmgate_policy_journal_dropped",
      help: "Entries that the bounded journal no longer holds",
      registers,
      collect() {
        this.set(about.dropped());
      },
    });
    this.#seconds = new Histogram({
      name: "llmgate_policy_check_seconds",
      help: "Time from a Check call's arrival to its answer",
      buckets: BUCKETS,
      registers,
    });
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
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

/** What an answer is counted under. */
export interface Labels {
  readonly decision: string;
  readonly rule: string;
  readonly code: string;
}

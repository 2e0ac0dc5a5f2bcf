/** A metric as it is served: what it is, and its values at this moment. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly kind: "counter" | "gauge" | "histogram";
  readonly samples: readonly Sample[];
}

/** One value of a metric. */
export interface Sample {
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** A histogram's part. */
  readonly part?: "_bucket" | "_sum" | "_count";
}

/**
 * Metrics as text, in the Prometheus format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). For
 * rooms that hold plain numbers and are asked for them now and then: `prom-client` keeps registries, and its 100 modules
 * would be loaded at every start.
 */
export function metricsText(families: readonly MetricFamily[]): string {
  return families.map(({ name, help, kind, samples }) => {
    const lines = samples.map(({ part = "", labels = {}, value }) =>
      `${name}${part}${labelText(labels)} ${numberText(value)}\n`
    );
    return `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${kind}\n${lines.join("")}`;
  }).join("\n");
}

/** Counts values by upper bounds, as a Prometheus histogram. */
export class HistogramCounts {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  /** @param bounds Upper bounds, ascending; what lies above counts too. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count++;
    const index = this.#bounds.findIndex((bound) => value <= bound);
    if (index >= 0) this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  /** Buckets, which include the smaller ones, sum and count. */
  samples(): Sample[] {
    let below = 0;
    const buckets = this.#bounds.map((bound, index): Sample => ({
      part: "_bucket",
      labels: { le: numberText(bound) },
      value: below += this.#counts[index] ?? 0,
    }));
    return [
      ...buckets,
      { part: "_bucket", labels: { le: "+Inf" }, value: this.#count },
      { part: "_sum", value: this.#sum },
      { part: "_count", value: this.#count },
    ];
  }
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) =>
    `${name}="${escaped(value).replaceAll('"', '\\"')}"`
  );
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

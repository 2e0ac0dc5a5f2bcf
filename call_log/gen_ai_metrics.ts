/** GenAI metrics of finished calls, by OpenTelemetry's names (Semantic conventions for generative AI metrics, 1.37). */
import { HistogramCounts, type MetricFamily, type RequestRecord } from "../service/mod.ts";

/** Bounds of the conventions: seconds, and tokens. */
const SECONDS = [
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
];
const TOKENS = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304];

/** Models that are told apart; a stranger could name more without end. */
const MOST_MODELS = 100;

/** Paths that ask a model, and the conventions' name of the operation. */
const OPERATIONS: readonly (readonly [RegExp, string])[] = [
  [/\/(chat\/completions|messages|responses)$/, "chat"],
  [/:(streamGenerateContent|generateContent)$/, "generate_content"],
  [/\/completions$/, "text_completion"],
  [/\/embeddings$/, "embeddings"],
];

type Labels = Readonly<Record<string, string>>;

/** Histograms for each set of labels. */
class Family {
  readonly #histograms = new Map<string, { labels: Labels; counts: HistogramCounts }>();

  constructor(readonly name: string, readonly help: string, readonly bounds: readonly number[]) {}

  observe(labels: Labels, value: number): void {
    const key = JSON.stringify(labels);
    let one = this.#histograms.get(key);
    if (one === undefined) {
      one = { labels, counts: new HistogramCounts(this.bounds) };
      this.#histograms.set(key, one);
    }
    one.counts.observe(value);
  }

  family(): MetricFamily {
    return {
      name: this.name,
      help: this.help,
      kind: "histogram",
      samples: [...this.#histograms.values()].flatMap(({ labels, counts }) =>
        counts.samples().map((sample) => ({ ...sample, labels: { ...labels, ...sample.labels } }))
      ),
    };
  }
}

/** Metrics of the calls that asked a model. */
export class GenAiMetrics {
  readonly #models = new Set<string>();
  readonly #duration = new Family(
    "gen_ai_client_operation_duration_seconds",
    "Duration of whole requests.",
    SECONDS,
  );
  readonly #first = new Family(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "Time until the client had the first byte of an answer.",
    SECONDS,
  );
  readonly #tokens = new Family(
    "gen_ai_client_token_usage",
    "Tokens of requests and answers.",
    TOKENS,
  );

  /** Counts a call; one that asked no model is left out. */
  observe(call: RequestRecord): void {
    const path = call.path.split("?")[0] ?? "";
    const operation = OPERATIONS.find(([pattern]) => pattern.test(path))?.[1];
    if (operation === undefined) return;
    const labels = {
      gen_ai_operation_name: operation,
      gen_ai_request_model: this.#known(call.model ?? ""),
    };
    const error = call.status >= 400 || call.status === 0
      ? { error_type: String(call.status) }
      : {};
    this.#duration.observe({ ...labels, ...error }, call.total_ms / 1_000);
    if (call.first_byte_ms !== null && call.status === 200) {
      this.#first.observe(labels, call.first_byte_ms / 1_000);
    }
    if (call.tokens === null) return;
    this.#tokens.observe({ ...labels, gen_ai_token_type: "input" }, call.tokens.input);
    this.#tokens.observe({ ...labels, gen_ai_token_type: "output" }, call.tokens.output);
  }

  /** The families as they stand. */
  families(): MetricFamily[] {
    return [this.#duration, this.#first, this.#tokens].map((one) => one.family());
  }

  #known(model: string): string {
    if (this.#models.has(model) || this.#models.size < MOST_MODELS) {
      this.#models.add(model);
      return model;
    }
    return "_OTHER";
  }
}

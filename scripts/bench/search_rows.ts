/** Figures of the search in vector stores. */
import {
  defaultConfig,
  hashedEmbedding,
  type Responses,
  startResponses,
  toFixedPoint,
} from "../../responses/mod.ts";
import { delay } from "../../service/mod.ts";
import { startUpstream } from "../../upstream/mod.ts";
import type { Effort } from "./gateway_rows.ts";
import { median, quantile, type Row } from "./row.ts";

const CHUNKS = 100_000;
const DIMENSIONS = 384;
const FILES = 100;
const PER_FILE = CHUNKS / FILES;
const TOP = 10;

/** Searches a run; their median is the run's figure. */
const SEARCHES = 50;
/** Queries that are compared with the exact answer. */
const JUDGED = 50;

/** Words of a chunk, out of a vocabulary that is used unevenly, as languages are; texts repeat, words in them too. */
const WORDS = 100;
const VOCABULARY = 50_000;
const TEXTS = 10_000;

/** Streams of responses that run meanwhile; mock, gateway and clients share the one thread with who searches. */
const STREAMS = 50;
const PACE_MS = 50;

/** Between two searches meanwhile: one after the other without a break would ask for a processor of its own. */
const SEARCH_EVERY_MS = 50;

const TENANT = "default";
const STORE = "vs_bench";

/** Vector search over the gateway's HTTP, store and all: how long, how exact, and what running streams notice of it. */
export async function searchRows(effort: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const upstream = stack.use(await startUpstream({ port: 0 }));
  const dataDir = await Deno.makeTempDir({ prefix: "llmgate-bench-" });
  stack.defer(() => Deno.remove(dataDir, { recursive: true }));
  const config = defaultConfig();
  config.engine.model_endpoint = `${upstream.url}/v1`;
  config.engine.forward_headers = ["x-mock-script"];
  config.search.embedding_model = "none";
  config.http.port = config.extproc.port = 0;
  const gateway = stack.use(await startResponses({ config, dataDir }));
  const corpus = new Corpus();
  await fill(gateway, corpus);

  const before = performance.now();
  await ask(gateway, corpus.query(), "none");
  const loading = performance.now() - before;

  let found = 0;
  for (let judged = 0; judged < JUDGED; judged++) {
    const query = corpus.query();
    const exact = new Set(corpus.nearest(hashedEmbedding(query, DIMENSIONS)));
    const hits = await ask(gateway, query, "none");
    found += hits.filter(({ content }) => exact.has(nameIn(content[0]?.text ?? ""))).length;
  }

  const timeOf = async (ranker: string) => {
    const query = corpus.query();
    const start = performance.now();
    await ask(gateway, query, ranker);
    return performance.now() - start;
  };
  const runs = async (ranker: string) => {
    const samples: number[] = [];
    for (let run = 0; run < effort.runs; run++) {
      const times: number[] = [];
      for (let search = 0; search < SEARCHES; search++) times.push(await timeOf(ranker));
      samples.push(median(times));
    }
    return samples;
  };
  const byVector = await runs("none");
  const byBoth = await runs("auto");

  const busy: number[] = [];
  const calm: number[] = [];
  const meanwhile: number[] = [];
  for (let run = 0; run < effort.runs; run++) {
    calm.push(quantile(await latenessOf(gateway, effort.seconds * 1_000), 0.99));
    let searching = true;
    const searches = (async () => {
      while (searching) {
        meanwhile.push(await timeOf("auto"));
        await delay(SEARCH_EVERY_MS);
      }
    })();
    busy.push(quantile(await latenessOf(gateway, effort.seconds * 1_000), 0.99));
    searching = false;
    await searches;
  }
  const name = `search, ${CHUNKS.toLocaleString("en-US")} × ${DIMENSIONS}, top ${TOP}`;
  const row = (what: string, unit: string, samples: readonly number[]): Row => ({
    name: `${name}: ${what}`,
    unit,
    value: median(samples),
    runs: samples.length,
    samples,
  });
  const late = row(`p99 lateness of ${STREAMS} responses' events`, "ms", busy);
  return [
    row("by vector, median", "ms", byVector),
    row("by vector and words, median", "ms", byBoth),
    row(`the same while ${STREAMS} responses stream, median`, "ms", [median(meanwhile)]),
    row("recall against exact", "", [found / (JUDGED * TOP)]),
    row("loading the index", "ms", [loading]),
    {
      ...late,
      beside: { name: "without searches", value: median(calm) },
      ratio: late.value / median(calm),
    },
  ];
}

/** Puts the corpus into the store, as indexing would have. */
async function fill({ store }: Responses, corpus: Corpus): Promise<void> {
  const { files, vectorStores } = store;
  const counts = { in_progress: 0, completed: 0, failed: 0, cancelled: 0, total: 0 };
  const common = { created_at: 0, usage_bytes: 0, metadata: null, expires_at: null };
  await vectorStores.create(TENANT, {
    ...common,
    id: STORE,
    object: "vector_store",
    name: null,
    status: "completed",
    file_counts: counts,
    last_active_at: 0,
  });
  for (let file = 0; file < FILES; file++) {
    const id = `file_${file}`;
    await files.reserve(id, Number.MAX_SAFE_INTEGER);
    await files.create(TENANT, {
      blob: id,
      file: {
        ...{ id, object: "file", bytes: 0, created_at: 0, expires_at: null, filename: id },
        ...{ purpose: "assistants", status: "uploaded", status_details: null },
        mime_type: "text/plain",
      },
    });
    const made = {
      ...{ id, object: "vector_store.file" as const, created_at: 0, vector_store_id: STORE },
      ...{ status: "in_progress" as const, usage_bytes: 0, last_error: null, attributes: {} },
    };
    await vectorStores.putFiles(TENANT, STORE, [made]);
    await vectorStores.finishFile(TENANT, STORE, { ...made, status: "completed" }, {
      embedder: `hashed-${DIMENSIONS}`,
      chunks: corpus.chunks(file),
    });
  }
}

interface Hit {
  readonly content: readonly { readonly text: string }[];
}

async function ask({ http }: Responses, query: string, ranker: string): Promise<readonly Hit[]> {
  const response = await fetch(`${http.url}/v1/vector_stores/${STORE}/search`, {
    method: "POST",
    body: JSON.stringify({ query, max_num_results: TOP, ranking_options: { ranker } }),
  });
  if (!response.ok) throw new Error(`Cannot search: ${response.status} ${await response.text()}`);
  return (await response.json()).data;
}

/** A chunk's text begins with its number. */
function nameIn(text: string): string {
  return text.slice(0, text.indexOf(" "));
}

/** Vectors around a thousand centres, as embeddings of texts on a thousand subjects are, and words to them. */
class Corpus {
  readonly #random = randomNumbers(1);
  readonly #centres = Array.from({ length: 1_000 }, () => this.#direction());
  readonly #texts = Array.from({ length: TEXTS }, () => this.#words(WORDS));
  readonly #rows = Array.from({ length: CHUNKS }, () => this.#near());

  query(): string {
    return this.#words(6);
  }

  chunks(file: number) {
    return Array.from({ length: PER_FILE }, (_, index) => {
      const at = file * PER_FILE + index;
      const text = `n${at} ${this.#texts[at % TEXTS]}`;
      return { index, start: 0, text, embedding: toFixedPoint(this.#rows[at] ?? []) };
    });
  }

  /** The truth: every cosine, in double precision. */
  nearest(query: Float32Array): string[] {
    const scored = this.#rows.map((row, at) => {
      let score = 0;
      for (let i = 0; i < DIMENSIONS; i++) score += (row[i] ?? 0) * (query[i] ?? 0);
      return { at, score };
    });
    return scored.sort((a, b) => b.score - a.score).slice(0, TOP)
      .map(({ at }) => `n${at}`);
  }

  #near(): Float32Array {
    const centre = this.#centres[Math.floor(this.#random() * this.#centres.length)];
    return unit(this.#direction().map((value, at) => value + 0.7 * (centre?.[at] ?? 0)));
  }

  #direction(): Float32Array {
    return unit(new Float32Array(DIMENSIONS).map(() => this.#random() + this.#random() - 1));
  }

  #words(count: number): string {
    return Array.from(
      { length: count },
      () => `w${Math.floor(this.#random() ** 3 * VOCABULARY).toString(36)}`,
    ).join(" ");
  }
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return vector.map((value) => value / length);
}

/** Numbers that look random, the same in every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An answer of the model in even steps, as the mock's script. */
function pacedAnswer(ms: number): string {
  const chunk = (delta: object, finish_reason: string | null) => ({
    data: {
      ...{ id: "c", object: "chat.completion.chunk", created: 1, model: "m" },
      choices: [{ index: 0, delta, finish_reason }],
    },
  });
  const times = Math.floor(ms / PACE_MS);
  const steps = [
    { repeat: { times, steps: [{ event: chunk({ content: "x" }, null) }, { sleep: PACE_MS }] } },
    { event: chunk({}, "stop") },
    { event: { data: "[DONE]" } },
  ];
  return new TextEncoder().encode(JSON.stringify({ steps }))
    .toBase64({ alphabet: "base64url", omitPadding: true });
}

/** How much later than its pace each event of the responses came, in milliseconds. */
async function latenessOf({ http }: Responses, ms: number): Promise<number[]> {
  const script = pacedAnswer(ms);
  const lateness: number[] = [];
  await Promise.all(Array.from({ length: STREAMS }, async () => {
    const response = await fetch(`${http.url}/v1/responses`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-mock-script": script },
      body: JSON.stringify({ model: "m", input: "x", stream: true }),
    });
    const decoder = new TextDecoder();
    let last: number | undefined;
    for await (const bytes of response.body ?? []) {
      if (!decoder.decode(bytes).includes("event: response.output_text.delta")) continue;
      const now = performance.now();
      if (last !== undefined) lateness.push(now - last - PACE_MS);
      last = now;
    }
  }));
  return lateness;
}

import {
  type IndexSearch,
  type IndexSource,
  SearchIndex,
  toFixedPoint,
} from "../../responses/mod.ts";
import { delay } from "../../service/mod.ts";
import { startUpstream } from "../../upstream/mod.ts";
import type { Effort } from "./gateway_rows.ts";
import { median, quantile, type Row } from "./row.ts";

const CHUNKS = 100_000;
const DIMENSIONS = 384;
const FILES = 100;
const TOP = 10;

/** Searches a run; their median is the run's figure. */
const SEARCHES = 50;
/** Queries that are compared with the exact answer. */
const JUDGED = 50;

/** Words of a chunk, out of a vocabulary that is used unevenly, as languages are; texts repeat, words in them too. */
const WORDS = 100;
const VOCABULARY = 50_000;
const TEXTS = 10_000;

/** Streams that run meanwhile, in the thread that also asks for the searches. */
const STREAMS = 200;
const PACE_MS = 20;

/** Between two searches meanwhile: one after the other without a break would ask for a processor of its own. */
const SEARCH_EVERY_MS = 50;

const MODEL = { model: "bench", dimensions: DIMENSIONS };
const MEMORY_MIB = 1024;

/** Search over 100,000 chunks: how long, how exact, and what running streams notice of it. */
export async function searchRows(effort: Effort): Promise<Row[]> {
  const corpus = new Corpus();
  using index = new SearchIndex(corpus, MEMORY_MIB);
  const ask = (query: Query, ranking: IndexSearch["ranking"]) =>
    index.search("bench", ["store"], {
      queries: [{ text: query.text, vector: toFixedPoint(query.vector) }],
      filter: null,
      ranking,
      limit: TOP,
    }, MODEL);
  const similarity = { by: "similarity" } as const;
  const fusion = { by: "fusion", embedding: 1, text: 1 } as const;

  const before = performance.now();
  await ask(corpus.query(), similarity);
  const loading = performance.now() - before;

  let found = 0;
  for (let judged = 0; judged < JUDGED; judged++) {
    const query = corpus.query();
    const exact = new Set(corpus.nearest(query.vector));
    const hits = await ask(query, similarity);
    found += hits.filter(({ fileId, position }) => exact.has(`${fileId}/${position}`)).length;
  }

  const timeOf = async (ranking: IndexSearch["ranking"]) => {
    const query = corpus.query();
    const start = performance.now();
    await ask(query, ranking);
    return performance.now() - start;
  };
  const timesOf = async (ranking: IndexSearch["ranking"]) => {
    const times: number[] = [];
    for (let run = 0; run < SEARCHES; run++) times.push(await timeOf(ranking));
    return times;
  };
  const runs = async (measure: () => Promise<number>) => {
    const samples: number[] = [];
    for (let run = 0; run < effort.runs; run++) samples.push(await measure());
    return samples;
  };
  const byVector = await runs(async () => median(await timesOf(similarity)));
  const byBoth = await runs(async () => median(await timesOf(fusion)));

  const busy: number[] = [];
  const calm: number[] = [];
  const meanwhile: number[] = [];
  for (let run = 0; run < effort.runs; run++) {
    calm.push(quantile(await latenessOf(effort.seconds * 1_000), 0.99));
    let searching = true;
    const searches = (async () => {
      while (searching) {
        meanwhile.push(await timeOf(fusion));
        await delay(SEARCH_EVERY_MS);
      }
    })();
    busy.push(quantile(await latenessOf(effort.seconds * 1_000), 0.99));
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
  const late = row(`p99 lateness of ${STREAMS} streams' events`, "ms", busy);
  return [
    row("by vector, median", "ms", byVector),
    row("by vector and words, median", "ms", byBoth),
    row(`the same while ${STREAMS} streams run, median`, "ms", [median(meanwhile)]),
    row("recall against exact", "", [found / (JUDGED * TOP)]),
    row("loading the index", "ms", [loading]),
    {
      ...late,
      beside: { name: "without searches", value: median(calm) },
      ratio: late.value / median(calm),
    },
  ];
}

interface Query {
  readonly text: string;
  readonly vector: Float32Array;
}

/** Vectors around a thousand centres, as embeddings of texts on a thousand subjects are, and words to them. */
class Corpus implements IndexSource {
  readonly #random = randomNumbers(1);
  readonly #centres = Array.from({ length: 1_000 }, () => this.#direction());
  readonly #texts = Array.from({ length: TEXTS }, () => this.#words(WORDS));
  readonly #rows = Array.from({ length: CHUNKS }, () => this.#near());

  query(): Query {
    return { text: this.#words(6), vector: this.#near() };
  }

  /** The truth: every cosine, in double precision. */
  nearest(query: Float32Array): string[] {
    const scored = this.#rows.map((row, at) => {
      let score = 0;
      for (let i = 0; i < DIMENSIONS; i++) score += (row[i] ?? 0) * (query[i] ?? 0);
      return { at, score };
    });
    const perFile = CHUNKS / FILES;
    return scored.sort((a, b) => b.score - a.score).slice(0, TOP)
      .map(({ at }) => `file${Math.floor(at / perFile)}/${at % perFile}`);
  }

  revision = () => Promise.resolve(1);
  indexedFiles = () =>
    Promise.resolve(Array.from({ length: FILES }, (_, at) => ({
      fileId: `file${at}`,
      revision: 1,
      attributes: {},
      embedder: MODEL.model,
    })));
  fileChunks = (_: string, __: string, fileId: string, first: number, limit: number) => {
    const perFile = CHUNKS / FILES;
    const from = Number(fileId.slice(4)) * perFile + first;
    const count = Math.min(limit, perFile - first);
    return Promise.resolve(
      this.#rows.slice(from, from + count).map((row, at) => ({
        index: first + at,
        start: 0,
        text: this.#texts[(from + at) % TEXTS] ?? "",
        embedding: toFixedPoint(row),
      })),
    );
  };

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

/** How much later than its pace each event of the streams came, in milliseconds; server and clients in this thread. */
async function latenessOf(ms: number): Promise<number[]> {
  await using upstream = await startUpstream({ port: 0 });
  const times = Math.floor(ms / PACE_MS);
  const steps = [{ repeat: { times, steps: [{ event: { data: "1" } }, { sleep: PACE_MS }] } }];
  const script = new TextEncoder().encode(JSON.stringify({ steps }))
    .toBase64({ alphabet: "base64url", omitPadding: true });
  const lateness: number[] = [];
  await Promise.all(Array.from({ length: STREAMS }, async () => {
    const response = await fetch(`${upstream.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-mock-script": script },
      body: '{"model":"m","stream":true,"messages":[]}',
    });
    let last: number | undefined;
    for await (const _ of response.body ?? []) {
      const now = performance.now();
      if (last !== undefined) lateness.push(now - last - PACE_MS);
      last = now;
    }
  }));
  return lateness;
}

/** Searches vector stores. */
import { z } from "zod";
import type { Attributes } from "../api/objects.ts";
import { checked } from "../api/resource.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Store } from "../store/store.ts";
import type { Embedder } from "./embedder.ts";
import { readFilter } from "./filters.ts";
import type { IndexQuery, Ranking } from "./index/store_index.ts";
import { toFixedPoint } from "./index/vectors.ts";
import type { SearchIndex, StoreHit } from "./search_index.ts";

/** A search. */
export interface SearchRequest {
  /** They are searched as one; an id that does not exist holds nothing. */
  readonly vectorStoreIds: readonly string[];
  /** At least one; what any of them finds counts. */
  readonly query: readonly string[];
  /** An attribute filter, as the caller sent it. */
  readonly filters?: unknown;
  readonly maxResults: number;
  /** `ranking_options`, as the caller sent them. */
  readonly rankingOptions?: unknown;
}

/** A piece of a file that was found. */
export interface SearchHit {
  readonly vectorStoreId: string;
  readonly fileId: string;
  readonly filename: string;
  /** 0 to 1, higher is better. */
  readonly score: number;
  readonly attributes: Attributes | null;
  readonly text: string;
}

/** Searches vector stores: what the HTTP endpoint and the `file_search` tool share. */
export interface VectorSearch {
  /**
   * The best hits, best first, at most `maxResults`.
   *
   * @throws {ApiError} 400 for a filter or ranking options that cannot be used
   */
  search(tenant: Tenant, request: SearchRequest, signal?: AbortSignal): Promise<SearchHit[]>;
}

/** Options of a search. */
export interface VectorSearchOptions {
  readonly store: Pick<Store, "files" | "vectorStores">;
  readonly index: SearchIndex;
  readonly embedder: () => Promise<Embedder>;
  /** Unix seconds. */
  readonly now: () => number;
}

/** `last_active_at` is written at most this often, in seconds: a search should not wait for a disk. */
const TOUCH_S = 60;

/** Stores whose last use is remembered. */
const TOUCHED_LIMIT = 10_000;

const weight = z.number().min(0, "must be at least 0");

/** API reference, "ranking_options". Rankers are OpenAI's own; all but "none" mean the ranking of this gateway. */
const rankingSchema = z.object({
  ranker: z.string().nullish(),
  score_threshold: z.number().min(0, "must be at least 0").max(1, "must be at most 1").nullish(),
  hybrid_search: z.object({ embedding_weight: weight, text_weight: weight })
    .refine(({ embedding_weight, text_weight }) => embedding_weight + text_weight > 0, {
      message: "one of the weights must be more than 0",
    }).nullish(),
});

/** Returns the search over a store and its index. */
export function vectorSearch(options: VectorSearchOptions): VectorSearch {
  const { store: { files, vectorStores }, index, now } = options;
  const touched = new Map<string, number>();
  const touch = async (tenant: Tenant, id: string) => {
    const key = `${tenant}\n${id}`;
    if (now() - (touched.get(key) ?? -Infinity) < TOUCH_S) return;
    if (touched.size >= TOUCHED_LIMIT) touched.clear();
    touched.set(key, now());
    await vectorStores.touch(tenant, id);
  };

  const hitOf = async (tenant: Tenant, hit: StoreHit, text: string | undefined) => {
    const { storeId, fileId, score } = hit;
    const [file, stored] = await Promise.all([
      vectorStores.getFile(tenant, storeId, fileId),
      files.get(tenant, fileId),
    ]);
    // Removed since the index was asked.
    if (file === undefined || text === undefined) return [];
    const filename = stored?.file.filename ?? fileId;
    const { attributes } = file;
    return [{ vectorStoreId: storeId, fileId, filename, score, attributes, text: text.trim() }];
  };

  return {
    async search(tenant, request, signal) {
      const { vectorStoreIds, query, maxResults } = request;
      const filter = request.filters === undefined || request.filters === null
        ? null
        : readFilter(request.filters);
      const { ranking, threshold } = rankingOf(request.rankingOptions);
      const embedder = await options.embedder();
      const vectors = await embedder.embed(query, signal);
      signal?.throwIfAborted();
      const queries = query.map((text, at): IndexQuery => ({
        text,
        vector: toFixedPoint(vectors[at] ?? []),
      }));
      const embedding = { model: embedder.model, dimensions: vectors[0]?.length ?? 0 };
      const search = { queries, filter, ranking, limit: maxResults };
      const found = await index.search(tenant, vectorStoreIds, search, embedding, signal);
      const kept = found.filter(({ score }) => score >= threshold);
      await Promise.all(vectorStoreIds.map((id) => touch(tenant, id)));
      const texts = await vectorStores.chunkTexts(
        tenant,
        kept.map(({ storeId, fileId, position }) => ({ storeId, fileId, index: position })),
      );
      const hits = await Promise.all(kept.map((hit, at) => hitOf(tenant, hit, texts[at])));
      return hits.flat();
    },
  };
}

function rankingOf(value: unknown): { ranking: Ranking; threshold: number } {
  const { ranker, score_threshold, hybrid_search } = checked(
    { ranking_options: value ?? {} },
    z.object({ ranking_options: rankingSchema }),
  ).ranking_options;
  const { embedding_weight = 1, text_weight = 1 } = hybrid_search ?? {};
  return {
    threshold: score_threshold ?? 0,
    ranking: ranker === "none"
      ? { by: "similarity" }
      : { by: "fusion", embedding: embedding_weight, text: text_weight },
  };
}

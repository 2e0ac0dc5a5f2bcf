/** Starts the search and what it needs. */
import type { VectorStoreFile } from "../api/objects.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Blobs } from "../blobs/blobs.ts";
import type { Store } from "../store/store.ts";
import { DocumentReader } from "./documents/reader.ts";
import { type Embedder, embedderOf, type EmbeddingBackend } from "./embedder.ts";
import { Indexer } from "./indexer.ts";
import { SearchIndex } from "./search_index.ts";
import { type VectorSearch, vectorSearch } from "./vector_search.ts";

/** Options of {@linkcode startSearch}. */
export interface SearchOptions {
  readonly store: Pick<Store, "files" | "vectorStores">;
  readonly blobs: Pick<Blobs, "get">;
  /** The model server, for its embeddings. */
  readonly backend: EmbeddingBackend;
  /** Which of its models embeds; "none" hashes words instead; left out, the first one that looks like it. */
  readonly embeddingModel?: string | undefined;
  /** Dimensions of hashed embeddings; 384 when left out. */
  readonly dimensions?: number | undefined;
  /** Memory of the index in MiB, 1024 when left out; 100,000 chunks of 384 dimensions take about 200. */
  readonly memoryMib?: number | undefined;
  /** Largest file that is read, in bytes; 64 MiB when left out. */
  readonly maxFileBytes?: number | undefined;
  /** How long the reading of one file may take, in milliseconds; a minute when left out. */
  readonly readTimeoutMs?: number | undefined;
  /** Unix seconds. */
  readonly now: () => number;
  /** Called for failures that no caller is told about. */
  readonly onError: (error: unknown) => void;
}

/** Search over vector stores, and the work in the background that keeps them searchable. */
export interface Search extends VectorSearch, AsyncDisposable {
  /** Indexes files in the background; the store has them as `in_progress` already. */
  index(tenant: Tenant, files: readonly VectorStoreFile[]): void;
  /** Ends the work on files that were cancelled or removed; on all of the store when none are named. */
  drop(tenant: Tenant, storeId: string, fileIds?: readonly string[]): void;
  /** Frees what is held of a store that was deleted. */
  forget(tenant: Tenant, storeId: string): Promise<void>;
  /** Resolves when no file is being indexed. */
  idle(): Promise<void>;
}

const MEMORY_MIB = 1024;
const MAX_FILE_BYTES = 64 * 2 ** 20;
const READ_TIMEOUT_MS = 60_000;

/** How often files are looked for that another process left when it died: half a lease of the store. */
const RESUME_MS = 15_000;

/** Stores that are loaded at start, as far as they fit. */
const WARM = 1_000;

/**
 * Starts search: takes up interrupted files, and loads the stores that were used last, in the background. No thread is
 * started before there is something to read or to search.
 */
export async function startSearch(options: SearchOptions): Promise<Search> {
  const { store, now, onError, memoryMib = MEMORY_MIB } = options;
  await using stack = new AsyncDisposableStack();
  const embedder = embedderOf(options.backend, {
    model: options.embeddingModel,
    dimensions: options.dimensions,
  });
  let warming: Promise<void> = Promise.resolve();
  // Disposed of after the index, whose end it waits for.
  stack.defer(() => warming);
  const index = stack.use(new SearchIndex(store.vectorStores, memoryMib));
  const reader = stack.use(
    new DocumentReader({ timeoutMs: options.readTimeoutMs ?? READ_TIMEOUT_MS }),
  );
  const indexer = stack.use(
    new Indexer({
      store,
      blobs: options.blobs,
      reader,
      embedder,
      maxFileBytes: options.maxFileBytes ?? MAX_FILE_BYTES,
      onError,
    }),
  );
  const forget = async (tenant: Tenant, storeId: string) => {
    indexer.drop(tenant, storeId);
    await index.forget(tenant, storeId);
  };
  await indexer.resume();
  const ended = new AbortController();
  warming = warm(store.vectorStores, index, embedder, ended.signal)
    .catch((error) => void (ended.signal.aborted || onError(error)));
  let resuming: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    resuming = resuming.then(() => indexer.resume()).catch(onError);
  }, RESUME_MS);
  stack.defer(async () => {
    ended.abort();
    clearInterval(timer);
    await resuming;
  });
  const owned = stack.move();
  return {
    ...vectorSearch({ store, index, embedder, now }),
    index: (tenant, files) => indexer.add(tenant, files),
    drop: (tenant, storeId, fileIds) => indexer.drop(tenant, storeId, fileIds),
    forget,
    idle: () => indexer.idle(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Loads one store after the other until memory is full. Without a model server there is nothing to load them for. */
async function warm(
  stores: Store["vectorStores"],
  index: SearchIndex,
  embedder: () => Promise<Embedder>,
  signal: AbortSignal,
): Promise<void> {
  const recent = await stores.recent(WARM);
  if (recent.length === 0) return;
  const found = await embedder().catch(() => undefined);
  const [vector] = await found?.embed(["warm"], signal).catch(() => []) ?? [];
  if (found === undefined || vector === undefined) return;
  const embedding = { model: found.model, dimensions: vector.length };
  for (const { tenant, entry } of recent) {
    if (signal.aborted || !await index.warm(tenant, entry.id, embedding)) return;
  }
}

/** Keeps the index in step with the store. */
import type { Tenant } from "../api/tenant.ts";
import { type RunningWorker, startWorker } from "../../service/mod.ts";
import { indexTooLarge } from "./errors.ts";
import type { Found } from "./index/indexes.ts";
import type { IndexMethods } from "./index/worker.ts";
import type { IndexHit, IndexSearch } from "./index/store_index.ts";
import type { IndexedFile, VectorStoreStore } from "../store/store.ts";

/** Where the index is loaded from: the store. */
export type IndexSource = Pick<VectorStoreStore, "revision" | "indexedFiles" | "fileChunks">;

/** Embedding of the queries of a search. */
export interface QueryEmbedding {
  readonly model: string;
  readonly dimensions: number;
}

/** A hit, with the vector store that it is in. */
export interface StoreHit extends IndexHit {
  readonly storeId: string;
}

interface Loaded {
  readonly revision: number;
  readonly model: string;
  readonly files: ReadonlyMap<string, { readonly revision: number; readonly attributes: string }>;
}

/** Chunks that go to the index's thread at a time: about half a megabyte of vectors. */
const PART = 256;

/** How often a search loads what was pushed out of memory meanwhile, before it gives up. */
const TRIES = 3;

/**
 * The searchable form of the vector stores, on a thread of its own. A store is loaded when it is first searched; from
 * then on only what has changed is, also what another process changed.
 */
export class SearchIndex implements Disposable {
  readonly #source: IndexSource;
  readonly #memoryMib: number;
  readonly #loaded = new Map<string, Loaded>();
  #worker: Promise<RunningWorker<IndexMethods>> | undefined;
  #closed = false;
  /** Stores that were pushed out of memory so far. */
  #evictions = 0;
  /** One store is loaded at a time, so that no store is pushed out half loaded. */
  #loading: Promise<unknown> = Promise.resolve();

  /** The thread starts with the first search, and keeps to `memoryMib` mebibytes. */
  constructor(source: IndexSource, memoryMib: number) {
    this.#source = source;
    this.#memoryMib = memoryMib;
  }

  /** Searches some stores as one; those that do not exist hold nothing. */
  async search(
    tenant: Tenant,
    storeIds: readonly string[],
    search: IndexSearch,
    embedding: QueryEmbedding,
    signal?: AbortSignal,
  ): Promise<StoreHit[]> {
    const worker = await this.#started();
    for (let tries = 0; tries < TRIES; tries++) {
      const stores: string[] = [];
      for (const storeId of new Set(storeIds)) {
        signal?.throwIfAborted();
        if (await this.#fresh(tenant, storeId, embedding)) stores.push(keyOf(tenant, storeId));
      }
      const found: Found = await worker.call("search", { stores, search });
      if (found.missing.length === 0) {
        return found.hits.map(({ store, ...hit }) => ({ ...hit, storeId: storeOf(store) }));
      }
      for (const store of found.missing) this.#loaded.delete(store);
    }
    throw indexTooLarge("These vector stores need together", this.#memoryMib);
  }

  /** Drops what is held of a store that was deleted. */
  async forget(tenant: Tenant, storeId: string): Promise<void> {
    const key = keyOf(tenant, storeId);
    if (!this.#loaded.delete(key)) return;
    await (await this.#started()).call("drop", key);
  }

  /**
   * Loads a store before it is searched. False when it pushed another one out: there is no room for more. Rejects when
   * it is too large itself.
   */
  async warm(tenant: Tenant, storeId: string, embedding: QueryEmbedding): Promise<boolean> {
    const before = this.#evictions;
    await this.#fresh(tenant, storeId, embedding);
    return this.#evictions === before;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#worker?.then((worker) => worker[Symbol.dispose](), () => {});
    this.#worker = undefined;
  }

  #started(): Promise<RunningWorker<IndexMethods>> {
    if (this.#closed) return Promise.reject(new Error("The search index is closed"));
    return this.#worker ??= this.#start();
  }

  async #start(): Promise<RunningWorker<IndexMethods>> {
    const worker = startWorker<IndexMethods>("responses/search/index/worker.ts");
    await worker.call("open", this.#memoryMib * 2 ** 20);
    return worker;
  }

  /** Brings a store up to date. False when it holds nothing that could be found. */
  async #fresh(tenant: Tenant, storeId: string, embedding: QueryEmbedding): Promise<boolean> {
    const key = keyOf(tenant, storeId);
    const isFresh = (revision: number) => {
      const loaded = this.#loaded.get(key);
      return loaded?.revision === revision && loaded.model === modelOf(embedding);
    };
    const revision = await this.#source.revision(tenant, storeId);
    if (revision === undefined) {
      await this.forget(tenant, storeId);
      return false;
    }
    if (!isFresh(revision)) {
      const turn = this.#loading.then(async () => {
        if (isFresh(revision)) return;
        await this.#load(tenant, storeId, revision, embedding).catch((error) => {
          if (error.name !== "RangeError") throw error;
          throw indexTooLarge(`The vector store ${storeId} needs`, this.#memoryMib);
        });
      });
      this.#loading = turn.catch(() => this.#loaded.delete(key));
      await turn;
    }
    return (this.#loaded.get(key)?.files.size ?? 0) > 0;
  }

  async #load(
    tenant: Tenant,
    storeId: string,
    revision: number,
    embedding: QueryEmbedding,
  ): Promise<void> {
    const worker = await this.#started();
    const store = keyOf(tenant, storeId);
    const model = modelOf(embedding);
    const before = this.#loaded.get(store);
    this.#loaded.delete(store);
    if (before === undefined || before.model !== model) await worker.call("drop", store);
    const known = before?.model === model ? before.files : new Map<string, never>();
    const files = await this.#source.indexedFiles(tenant, storeId);
    const now = new Map(
      files.map(({ fileId, revision, attributes }) =>
        [fileId, { revision, attributes: JSON.stringify(attributes) }] as const
      ),
    );
    const gone = [...known.keys()].filter((fileId) => !now.has(fileId));
    if (gone.length > 0) await worker.call("remove", { store, fileIds: gone });
    for (const file of files) {
      const had = known.get(file.fileId);
      if (had?.revision !== file.revision) {
        await this.#add(worker, tenant, storeId, file, embedding);
      } else if (had.attributes !== now.get(file.fileId)?.attributes) {
        const { fileId, attributes } = file;
        await worker.call("setAttributes", { store, fileId, attributes });
      }
    }
    this.#loaded.set(store, { revision, model, files: now });
  }

  async #add(
    worker: RunningWorker<IndexMethods>,
    tenant: Tenant,
    storeId: string,
    file: IndexedFile,
    { model, dimensions }: QueryEmbedding,
  ): Promise<void> {
    const { fileId, revision, attributes } = file;
    const read = (first: number) => {
      const part = this.#source.fileChunks(tenant, storeId, fileId, first, PART);
      // Whoever awaits it is told; until then nobody may be there to hear of it.
      part.catch(() => {});
      return part;
    };
    let next = read(0);
    for (let first = 0;; first += PART) {
      const chunks = await next;
      const last = chunks.length < PART;
      // The store reads on while this thread packs and the index counts words.
      if (!last) next = read(first + PART);
      const alike = file.embedder === model &&
        chunks.every(({ embedding }) => embedding.length === dimensions);
      const vectors = alike ? new Int16Array(chunks.length * dimensions) : null;
      if (vectors !== null) {
        for (const [at, { embedding }] of chunks.entries()) {
          vectors.set(embedding, at * dimensions);
        }
      }
      const texts = chunks.map(({ text }) => text);
      const part = { fileId, revision, attributes, firstPosition: first, texts, vectors };
      const addition = { store: keyOf(tenant, storeId), dimensions, part };
      const evicted = await worker.call("add", addition, vectors === null ? [] : [vectors.buffer]);
      for (const store of evicted) this.#loaded.delete(store);
      this.#evictions += evicted.length;
      if (last) return;
    }
  }
}

function modelOf({ model, dimensions }: QueryEmbedding): string {
  return `${model}/${dimensions}`;
}

function keyOf(tenant: Tenant, storeId: string): string {
  return `${tenant}\n${storeId}`;
}

function storeOf(key: string): string {
  return key.slice(key.indexOf("\n") + 1);
}

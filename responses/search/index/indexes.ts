/** The indexes of all vector stores, within one limit of memory. */
import type { Attributes } from "../../api/objects.ts";
import { type FilePart, type IndexHit, type IndexSearch, StoreIndex } from "./store_index.ts";
import { VectorMemory } from "./vectors.ts";

/** A part of a file for one store's index, which is made when there is none. */
export interface Addition {
  readonly store: string;
  readonly dimensions: number;
  readonly part: FilePart;
}

/** Result of a search over several stores. */
export interface Found {
  /** Best first. */
  readonly hits: readonly (IndexHit & { readonly store: string })[];
  /** Stores that are not in memory (any more): they are to be loaded, and searched again. */
  readonly missing: readonly string[];
}

/** The indexes that are in memory, within one limit: the store that was used longest ago makes room. */
export class Indexes {
  readonly #limit: number;
  readonly #memory: VectorMemory;
  /** In order of use, the latest last. */
  readonly #stores = new Map<string, StoreIndex>();

  /** `limitBytes` bounds vectors, words and all. */
  constructor(limitBytes: number) {
    this.#limit = limitBytes;
    this.#memory = new VectorMemory(limitBytes);
  }

  /** Bytes held by indexes; vectors exactly, words by estimate. */
  get usedBytes(): number {
    let bytes = this.#memory.usedBytes;
    for (const index of this.#stores.values()) bytes += index.usedBytes;
    return bytes;
  }

  /**
   * Adds a part of a file; returns the stores that had to go for it.
   *
   * @throws {RangeError} when the store alone is too large; it is dropped then
   */
  add({ store, dimensions, part }: Addition): string[] {
    const evicted: string[] = [];
    const index = this.#use(store) ?? new StoreIndex(this.#memory, dimensions);
    this.#stores.set(store, index);
    for (let rest = part;;) {
      const added = index.add(rest);
      if (added === rest.texts.length && this.usedBytes <= this.#limit) return evicted;
      rest = after(rest, added, dimensions);
      const oldest = this.#stores.keys().next().value;
      if (oldest === undefined || oldest === store) {
        this.drop(store);
        throw new RangeError(`The index needs more than ${this.#limit / 2 ** 20} MiB`);
      }
      this.drop(oldest);
      evicted.push(oldest);
      if (rest.texts.length === 0 && this.usedBytes <= this.#limit) return evicted;
    }
  }

  remove(store: string, fileIds: readonly string[]): void {
    this.#stores.get(store)?.remove(fileIds);
  }

  setAttributes(store: string, fileId: string, attributes: Attributes): void {
    this.#stores.get(store)?.setAttributes(fileId, attributes);
  }

  drop(store: string): void {
    this.#stores.get(store)?.[Symbol.dispose]();
    this.#stores.delete(store);
  }

  search(stores: readonly string[], search: IndexSearch): Found {
    const missing: string[] = [];
    const hits = stores.flatMap((store) => {
      const index = this.#use(store);
      if (index === undefined) missing.push(store);
      return (index?.search(search) ?? []).map((hit) => ({ ...hit, store }));
    });
    hits.sort((a, b) => b.score - a.score);
    return { hits: hits.slice(0, search.limit), missing };
  }

  #use(store: string): StoreIndex | undefined {
    const index = this.#stores.get(store);
    if (index === undefined) return undefined;
    this.#stores.delete(store);
    this.#stores.set(store, index);
    return index;
  }
}

function after(part: FilePart, count: number, dimensions: number): FilePart {
  return {
    ...part,
    firstPosition: part.firstPosition + count,
    texts: part.texts.slice(count),
    vectors: part.vectors?.subarray(count * dimensions) ?? null,
  };
}

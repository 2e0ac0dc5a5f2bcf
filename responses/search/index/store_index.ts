/** The index of one vector store: vectors and words. */
import type { Attributes } from "../../api/objects.ts";
import { type Filter, matches } from "../filters.ts";
import { Best } from "./best.ts";
import { FullText } from "./full_text.ts";
import { fuse, type WeightedRanking } from "./fusion.ts";
import { ONE } from "./kernel.ts";
import { type VectorMemory, VectorRows } from "./vectors.ts";

/** Chunks of a file, as they come into the index. A long file comes in several parts. */
export interface FilePart {
  readonly fileId: string;
  /** Another one replaces what is there of the file. */
  readonly revision: number;
  readonly attributes: Attributes;
  /** Of the part's first chunk, within the file. */
  readonly firstPosition: number;
  readonly texts: readonly string[];
  /** One row a chunk, in fixed point; null when they were embedded by another model than the queries will be. */
  readonly vectors: Int16Array<ArrayBuffer> | null;
}

/** One thing to look for. */
export interface IndexQuery {
  readonly text: string;
  /** In fixed point; null to go by words alone. */
  readonly vector: Int16Array<ArrayBuffer> | null;
}

/** How hits are ranked: by likeness of the embeddings alone, or that and full text fused by rank, with their weights. */
export type Ranking =
  | { readonly by: "similarity" }
  | { readonly by: "fusion"; readonly embedding: number; readonly text: number };

/** A search in one index. */
export interface IndexSearch {
  /** Each is searched; the rankings are fused. */
  readonly queries: readonly IndexQuery[];
  readonly filter: Filter | null;
  readonly ranking: Ranking;
  readonly limit: number;
}

/** A chunk that was found. */
export interface IndexHit {
  readonly fileId: string;
  readonly position: number;
  /** 0 to 1. */
  readonly score: number;
}

interface Owner {
  readonly fileId: string;
  readonly revision: number;
  attributes: Attributes;
  readonly embedded: boolean;
  removed: boolean;
  /** Number of the last search that it passed the filter of. */
  passed: number;
}

/** How much deeper than the limit each ranking goes that is fused: what is lower adds next to nothing. */
const DEPTH_FACTOR = 5;
const DEPTH_MIN = 100;

/** Rows of removed files that are carried along, as a share of all rows, before the index is rewritten without them. */
const REMOVED_SHARE = 1 / 4;
const REMOVED_MIN = 256;

/** Bytes of a chunk beside its vector and its words: owner and position. */
const CHUNK_BYTES = 16;

/** The index of one vector store: every chunk's vector and words, by ordinal in order of arrival. */
export class StoreIndex implements Disposable {
  readonly #memory: VectorMemory;
  readonly #files = new Map<string, Owner>();
  #rows: VectorRows;
  readonly #words = new FullText();
  #owners: Owner[] = [];
  #positions: number[] = [];
  #removed = 0;
  #searches = 0;

  constructor(memory: VectorMemory, dimensions: number) {
    this.#memory = memory;
    this.#rows = new VectorRows(memory, dimensions);
  }

  /** Chunks that can be found. */
  get chunks(): number {
    return this.#owners.length - this.#removed;
  }

  /** Bytes beside the vectors, which lie in the common memory; an estimate. */
  get usedBytes(): number {
    return this.#words.usedBytes + this.#owners.length * CHUNK_BYTES;
  }

  /**
   * Adds a part of a file, and drops what is there of another revision. Returns how many of its chunks were added:
   * fewer than all when the memory is full.
   */
  add(part: FilePart): number {
    const { fileId, revision, attributes, texts, vectors, firstPosition } = part;
    const before = this.#files.get(fileId);
    if (before !== undefined && before.revision !== revision) this.remove([fileId]);
    const owner: Owner = this.#files.get(fileId) ??
      { fileId, revision, attributes, embedded: vectors !== null, removed: false, passed: 0 };
    this.#files.set(fileId, owner);
    const { dimensions } = this.#rows;
    const empty = new Int16Array(dimensions);
    let added = 0;
    for (; added < texts.length; added++) {
      const vector = vectors?.subarray(added * dimensions, (added + 1) * dimensions) ?? empty;
      if (!this.#rows.push(vector)) break;
      this.#owners.push(owner);
      this.#positions.push(firstPosition + added);
    }
    this.#words.add(texts.slice(0, added));
    return added;
  }

  setAttributes(fileId: string, attributes: Attributes): void {
    const owner = this.#files.get(fileId);
    if (owner !== undefined) owner.attributes = attributes;
  }

  /** Files that are not there are passed over. */
  remove(fileIds: Iterable<string>): void {
    const owners = new Set<Owner>();
    for (const fileId of fileIds) {
      const owner = this.#files.get(fileId);
      if (owner === undefined) continue;
      this.#files.delete(fileId);
      owner.removed = true;
      owners.add(owner);
    }
    if (owners.size === 0) return;
    const ordinals = [...this.#owners.keys()].filter((at) => owners.has(this.#owners[at] as Owner));
    this.#words.remove(ordinals);
    this.#removed += ordinals.length;
    const total = this.#owners.length;
    if (this.#removed >= REMOVED_MIN && this.#removed > total * REMOVED_SHARE) this.#rewrite();
  }

  /** Best first. A search that a filter leaves nothing for gives an empty list. */
  search({ queries, filter, ranking, limit }: IndexSearch): IndexHit[] {
    const search = ++this.#searches;
    for (const owner of this.#files.values()) {
      if (filter === null || matches(filter, owner.attributes)) owner.passed = search;
    }
    const hits = ranking.by === "similarity"
      ? this.#bySimilarity(queries, limit)
      : fuse(this.#rankings(queries, ranking, Math.max(DEPTH_MIN, limit * DEPTH_FACTOR)));
    return hits.slice(0, limit).map(({ key, score }) => ({
      fileId: this.#owners[key]?.fileId ?? "",
      position: this.#positions[key] ?? 0,
      score: Math.min(1, score),
    }));
  }

  [Symbol.dispose](): void {
    this.#rows[Symbol.dispose]();
    this.#words[Symbol.dispose]();
  }

  /** Cosine; below zero there is nothing alike. Of several queries the best one counts. */
  #bySimilarity(queries: readonly IndexQuery[], limit: number): { key: number; score: number }[] {
    const best = new Map<number, number>();
    for (const { vector } of queries) {
      if (vector === null) continue;
      for (const { key, score } of this.#nearest(vector, limit)) {
        best.set(key, Math.max(best.get(key) ?? 0, score));
      }
    }
    return [...best].map(([key, score]) => ({ key, score }))
      .sort((a, b) => b.score - a.score || a.key - b.key);
  }

  #rankings(
    queries: readonly IndexQuery[],
    weights: { readonly embedding: number; readonly text: number },
    depth: number,
  ): WeightedRanking[] {
    const keysOf = (ranking: { key: number }[]) => ranking.map(({ key }) => key);
    return queries.flatMap(({ text, vector }) => [
      ...(vector === null || weights.embedding <= 0
        ? []
        : [{ weight: weights.embedding, keys: keysOf(this.#nearest(vector, depth)) }]),
      ...(weights.text <= 0 ? [] : [{ weight: weights.text, keys: this.#wordiest(text, depth) }]),
    ]);
  }

  /** Every row is compared, so the only error is that of the fixed point. */
  #nearest(query: Int16Array, limit: number): { key: number; score: number }[] {
    const best = new Best(limit);
    this.#rows.score(query, (scores, first) => {
      let { floor } = best;
      for (let index = 0; index < scores.length; index++) {
        const score = scores[index] ?? 0;
        if (score <= floor) continue;
        const owner = this.#owners[first + index];
        if (owner === undefined || !owner.embedded || !this.#passes(owner)) continue;
        best.offer(first + index, score);
        floor = best.floor;
      }
    });
    const whole = ONE * ONE;
    return best.ranking().map(({ key, score }) => ({ key, score: Math.max(0, score / whole) }));
  }

  #wordiest(text: string, limit: number): number[] {
    return this.#words.ranking(text).filter((ordinal) => {
      const owner = this.#owners[ordinal];
      return owner !== undefined && this.#passes(owner);
    }).take(limit).toArray();
  }

  #passes(owner: Owner): boolean {
    return !owner.removed && owner.passed === this.#searches;
  }

  /** Copies what is left, so that removed chunks cost neither memory nor time. */
  #rewrite(): void {
    const rows = new VectorRows(this.#memory, this.#rows.dimensions);
    const kept: number[] = [];
    const owners: Owner[] = [];
    const positions: number[] = [];
    for (const [ordinal, owner] of this.#owners.entries()) {
      if (owner.removed) continue;
      if (!rows.push(this.#rows.read(ordinal).slice())) {
        // No room for a copy: the removed rows stay until there is.
        rows[Symbol.dispose]();
        return;
      }
      kept.push(ordinal);
      owners.push(owner);
      positions.push(this.#positions[ordinal] ?? 0);
    }
    this.#rows[Symbol.dispose]();
    this.#rows = rows;
    this.#words.renumber(kept);
    this.#owners = owners;
    this.#positions = positions;
    this.#removed = 0;
  }
}

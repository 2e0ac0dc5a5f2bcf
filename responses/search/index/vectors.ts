/** Vectors in WebAssembly memory, page by page. */
import { ONE, PAGE_BYTES, rowBytes, type ScoreRows, scoreRows } from "./kernel.ts";

/** Scratch pages at the start of the memory: the query's row, and the scores of one page of rows. */
const QUERY_AT = 0;
const SCORES_AT = PAGE_BYTES;
const SCRATCH_PAGES = 2;

/** Most dimensions that a vector may have: a row must fit into a page. */
export const DIMENSION_LIMIT = PAGE_BYTES / 2;

/** Returns the vector at length 1 as 16-bit fixed point, the form that is stored and searched; a zero vector stays zero. */
export function toFixedPoint(vector: ArrayLike<number>): Int16Array<ArrayBuffer> {
  let square = 0;
  for (let i = 0; i < vector.length; i++) square += (vector[i] ?? 0) ** 2;
  const scale = square > 0 && Number.isFinite(square) ? ONE / Math.sqrt(square) : 0;
  const fixed = new Int16Array(vector.length);
  for (let i = 0; i < vector.length; i++) fixed[i] = Math.round((vector[i] ?? 0) * scale);
  return fixed;
}

/** One memory for the rows of every store, given out by pages of 64 KiB, so that small stores are small. */
export class VectorMemory {
  readonly #memory: WebAssembly.Memory;
  readonly #score: ScoreRows;
  readonly #limit: number;
  readonly #free: number[] = [];
  #pages = SCRATCH_PAGES;
  #numbers: Int16Array;
  #scores: Int32Array;

  /** At most `limitBytes` of rows. */
  constructor(limitBytes: number) {
    this.#limit = SCRATCH_PAGES + Math.floor(limitBytes / PAGE_BYTES);
    this.#memory = new WebAssembly.Memory({ initial: SCRATCH_PAGES, maximum: this.#limit });
    this.#score = scoreRows(this.#memory);
    this.#numbers = new Int16Array(this.#memory.buffer);
    this.#scores = new Int32Array(this.#memory.buffer);
  }

  /** Bytes that rows hold now. */
  get usedBytes(): number {
    return (this.#pages - SCRATCH_PAGES - this.#free.length) * PAGE_BYTES;
  }

  /** Allocates a page; undefined when the limit is reached. */
  take(): number | undefined {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#pages >= this.#limit) return undefined;
    // A sixteenth more each time: growing moves the views, not the rows.
    const more = Math.min(Math.max(16, this.#pages >> 4), this.#limit - this.#pages);
    this.#memory.grow(more);
    this.#numbers = new Int16Array(this.#memory.buffer);
    this.#scores = new Int32Array(this.#memory.buffer);
    for (let page = this.#pages + more - 1; page > this.#pages; page--) this.#free.push(page);
    this.#pages += more;
    return this.#pages - more;
  }

  give(page: number): void {
    this.#free.push(page);
  }

  /** Writes a row; what follows the vector up to the row's end is zero. */
  write(page: number, row: number, vector: Int16Array): void {
    const length = rowBytes(vector.length) / 2;
    const at = page * PAGE_BYTES / 2 + row * length;
    this.#numbers.set(vector, at);
    this.#numbers.fill(0, at + vector.length, at + length);
  }

  /** The row as it was written, valid until the next page is taken. */
  read(page: number, row: number, dimensions: number): Int16Array {
    const at = page * PAGE_BYTES / 2 + row * rowBytes(dimensions) / 2;
    return this.#numbers.subarray(at, at + dimensions);
  }

  setQuery(vector: Int16Array): void {
    this.write(QUERY_AT / PAGE_BYTES, 0, vector);
  }

  /** Scores of a page's first `count` rows against the query, valid until the next call; {@linkcode ONE}² is 1.0. */
  scores(page: number, count: number, dimensions: number): Int32Array {
    this.#score(QUERY_AT, page * PAGE_BYTES, count, rowBytes(dimensions), SCORES_AT);
    return this.#scores.subarray(SCORES_AT / 4, SCORES_AT / 4 + count);
  }
}

/** Rows of one store, by ordinal: they grow at the end, and go all at once. */
export class VectorRows implements Disposable {
  readonly dimensions: number;
  readonly #memory: VectorMemory;
  readonly #rowsPerPage: number;
  readonly #pages: number[] = [];
  #count = 0;

  constructor(memory: VectorMemory, dimensions: number) {
    if (dimensions < 1 || dimensions > DIMENSION_LIMIT) {
      throw new RangeError(
        `Cannot index vectors of ${dimensions} dimensions: 1 to ${DIMENSION_LIMIT}`,
      );
    }
    this.#memory = memory;
    this.dimensions = dimensions;
    this.#rowsPerPage = Math.floor(PAGE_BYTES / rowBytes(dimensions));
  }

  get count(): number {
    return this.#count;
  }

  /** Appends a row; false when the memory is full. */
  push(vector: Int16Array): boolean {
    const row = this.#count % this.#rowsPerPage;
    if (row === 0) {
      const page = this.#memory.take();
      if (page === undefined) return false;
      this.#pages.push(page);
    }
    this.#memory.write(this.#pages.at(-1) ?? 0, row, vector);
    this.#count++;
    return true;
  }

  read(ordinal: number): Int16Array {
    const page = this.#pages[Math.floor(ordinal / this.#rowsPerPage)] ?? 0;
    return this.#memory.read(page, ordinal % this.#rowsPerPage, this.dimensions);
  }

  /** Calls `visit` with the scores of each run of rows, and the ordinal of its first. */
  score(query: Int16Array, visit: (scores: Int32Array, first: number) => void): void {
    this.#memory.setQuery(query);
    for (const [index, page] of this.#pages.entries()) {
      const first = index * this.#rowsPerPage;
      const count = Math.min(this.#rowsPerPage, this.#count - first);
      visit(this.#memory.scores(page, count, this.dimensions), first);
    }
  }

  [Symbol.dispose](): void {
    for (const page of this.#pages.splice(0)) this.#memory.give(page);
    this.#count = 0;
  }
}

/** Numbers that a term has in the table; the eighth only makes it half a cache line. */
const SLOT = 8;
/** The term plus one; 0 where the table is empty. */
const KEY = 0;
const DOCUMENTS = 1;
/** The last document, and how often it holds the term: counted in, and not yet among the bytes. */
const LAST = 2;
const TIMES = 3;
/** Base of the next distance: one after the last document among the bytes. */
const NEXT = 4;
/** Where the list's first block is, and where its next byte goes; 0 when it has no bytes. */
const HEAD = 5;
const END = 6;

const FIRST_SLOTS = 64;

/** A block is a cache line; its last four bytes say where the next one is. */
const BLOCK = 64;
const LINK = BLOCK - 4;

/**
 * The documents of every term: pairs of (distance from the document before, times it occurs), as variable-length
 * numbers, in chains of blocks. All lists lie in two arrays: to count a word is then one cache miss for the term and
 * one for the byte, where an object and an array a term would be four or five.
 */
export class PostingLists {
  /** Open addressing, at most three quarters full; terms are hashes, so their low bits are the place. */
  #slots: Uint32Array<ArrayBuffer>;
  #terms = 0;
  #bytes = new Uint8Array(16 * BLOCK);
  #links = new Uint32Array(this.#bytes.buffer);
  /** Where the next block goes; the first is left out, since 0 stands for none. */
  #free = BLOCK;

  /** With room for so many terms. */
  constructor(terms = 0) {
    let slots = FIRST_SLOTS;
    while (terms * 4 > slots * 3) slots *= 2;
    this.#slots = new Uint32Array(slots * SLOT);
  }

  /** Terms that some document holds. */
  get size(): number {
    return this.#terms;
  }

  /** Bytes of memory. */
  get usedBytes(): number {
    return this.#slots.byteLength + this.#bytes.byteLength;
  }

  /** The term occurs `times` more in a document; ordinals never fall. Terms are at least 0 and below 2³¹. */
  count(term: number, ordinal: number, times: number): void {
    const at = this.#place(term);
    const slots = this.#slots;
    if (slots[at] === 0) {
      slots[at + KEY] = term + 1;
      slots[at + DOCUMENTS] = 1;
      slots[at + LAST] = ordinal;
      slots[at + TIMES] = times;
      if (++this.#terms * 4 * SLOT > slots.length * 3) this.#grow();
      return;
    }
    const last = slots[at + LAST] ?? 0;
    if (last === ordinal) {
      slots[at + TIMES] = (slots[at + TIMES] ?? 0) + times;
      return;
    }
    let end = slots[at + END] ?? 0;
    if (end === 0) end = slots[at + HEAD] = this.#block();
    end = this.#write(end, last - (slots[at + NEXT] ?? 0));
    slots[at + END] = this.#write(end, slots[at + TIMES] ?? 0);
    slots[at + NEXT] = last + 1;
    slots[at + LAST] = ordinal;
    slots[at + TIMES] = times;
    slots[at + DOCUMENTS] = (slots[at + DOCUMENTS] ?? 0) + 1;
  }

  /** How many documents hold the term. */
  documents(term: number): number {
    return this.#slots[this.#place(term) + DOCUMENTS] ?? 0;
  }

  /** The documents that hold the term, in order. */
  forEach(term: number, visit: (ordinal: number, times: number) => void): void {
    const slots = this.#slots;
    const place = this.#place(term);
    if (slots[place] === 0) return;
    const bytes = this.#bytes;
    const end = slots[place + END] ?? 0;
    let next = 0;
    let ordinal = -1;
    let value = 0;
    let shift = 0;
    for (let at = slots[place + HEAD] ?? 0; at !== end;) {
      if (at % BLOCK === LINK) at = this.#links[at >>> 2] ?? 0;
      const byte = bytes[at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte >= 0x80) continue;
      if (ordinal < 0) ordinal = next + value;
      else {
        visit(ordinal, value);
        next = ordinal + 1;
        ordinal = -1;
      }
      value = 0;
      shift = 0;
    }
    visit(slots[place + LAST] ?? 0, slots[place + TIMES] ?? 0);
  }

  /** Every term that some document holds. */
  *terms(): Generator<number> {
    for (let at = 0; at < this.#slots.length; at += SLOT) {
      const key = this.#slots[at + KEY] ?? 0;
      if (key > 0) yield key - 1;
    }
  }

  /** Where the term is in the table, or would be. */
  #place(term: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const key = term + 1;
    let at = term * SLOT & mask;
    for (let found = slots[at]; found !== key && found !== 0; found = slots[at]) {
      at = at + SLOT & mask;
    }
    return at;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Uint32Array(before.length * 2);
    for (let at = 0; at < before.length; at += SLOT) {
      const key = before[at + KEY] ?? 0;
      if (key > 0) this.#slots.set(before.subarray(at, at + SLOT), this.#place(key - 1));
    }
  }

  /** Writes a number; returns where the next one goes. */
  #write(at: number, value: number): number {
    for (let rest = value;; rest >>>= 7) {
      if (at % BLOCK === LINK) {
        const block = this.#block();
        this.#links[at >>> 2] = block;
        at = block;
      }
      if (rest < 0x80) {
        this.#bytes[at] = rest;
        return at + 1;
      }
      this.#bytes[at++] = rest & 0x7f | 0x80;
    }
  }

  #block(): number {
    const block = this.#free;
    this.#free += BLOCK;
    const size = this.#bytes.length;
    if (this.#free > size) {
      // A quarter more, in whole blocks: doubling would hold up to half of a large store's memory for nothing.
      const grown = new Uint8Array(size + Math.ceil(size / 4 / BLOCK) * BLOCK);
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#links = new Uint32Array(grown.buffer);
    }
    return block;
  }
}

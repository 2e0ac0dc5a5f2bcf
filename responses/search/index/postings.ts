/** Saturation and length normalisation of BM25, with the usual values (Robertson and Zaragoza 2009, section 3.3). */
const K1 = 1.2;
const B = 0.75;

/** What a term costs beside its bytes: the map's entry, the string, the object; measured, rounded up. */
const TERM_BYTES = 160;

/** A term's documents: pairs of (distance from the document before, times it occurs), as variable-length numbers. */
class PostingList {
  bytes = new Uint8Array(8);
  length = 0;
  documents = 0;
  #last = -1;

  /** Ordinals must rise. */
  push(ordinal: number, times: number): void {
    if (this.length + 10 > this.bytes.length) {
      const grown = new Uint8Array(this.bytes.length * 2 + 16);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.#write(ordinal - this.#last - 1);
    this.#write(times);
    this.#last = ordinal;
    this.documents++;
  }

  forEach(visit: (ordinal: number, times: number) => void): void {
    const { bytes, length } = this;
    let ordinal = -1;
    let distance = -1;
    let value = 0;
    let shift = 0;
    for (let at = 0; at < length; at++) {
      const byte = bytes[at] ?? 0;
      value |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte >= 0x80) continue;
      if (distance < 0) distance = value;
      else {
        ordinal += distance + 1;
        visit(ordinal, value);
        distance = -1;
      }
      value = 0;
      shift = 0;
    }
  }

  #write(value: number): void {
    while (value >= 0x80) {
      this.bytes[this.length++] = value & 0x7f | 0x80;
      value >>>= 7;
    }
    this.bytes[this.length++] = value;
  }
}

/** The inverted index of one store: which documents hold a term, how often, and how long the documents are. */
export class Postings {
  readonly #lists = new Map<string, PostingList>();
  /** Terms of each document, by ordinal. */
  readonly #lengths: number[] = [];
  #alive = 0;
  #aliveTerms = 0;
  #bytes = 0;

  /** An estimate of the memory that the lists hold. */
  get usedBytes(): number {
    return this.#bytes + this.#lengths.length * 8;
  }

  /** Adds the document with the next ordinal. */
  push(terms: readonly string[]): void {
    const ordinal = this.#lengths.length;
    const times = new Map<string, number>();
    for (const term of terms) times.set(term, (times.get(term) ?? 0) + 1);
    for (const [term, count] of times) {
      let list = this.#lists.get(term);
      if (list === undefined) {
        list = new PostingList();
        this.#lists.set(term, list);
        this.#bytes += TERM_BYTES + list.bytes.length;
      }
      const before = list.bytes.length;
      list.push(ordinal, count);
      this.#bytes += list.bytes.length - before;
    }
    this.#lengths.push(terms.length);
    this.#alive++;
    this.#aliveTerms += terms.length;
  }

  /** Takes a document out of the statistics; its postings stay until {@linkcode Postings.compacted}. */
  remove(ordinal: number): void {
    this.#alive--;
    this.#aliveTerms -= this.#lengths[ordinal] ?? 0;
  }

  /** A copy without removed documents: `renamed[ordinal]` is the new ordinal, or −1. Rising stays rising. */
  compacted(renamed: Int32Array): Postings {
    const next = new Postings();
    for (const [term, list] of this.#lists) {
      const kept = new PostingList();
      list.forEach((ordinal, times) => {
        const ordinalNow = renamed[ordinal] ?? -1;
        if (ordinalNow >= 0) kept.push(ordinalNow, times);
      });
      if (kept.documents === 0) continue;
      next.#lists.set(term, kept);
      next.#bytes += TERM_BYTES + kept.bytes.length;
    }
    for (const [ordinal, length] of this.#lengths.entries()) {
      if ((renamed[ordinal] ?? -1) >= 0) next.#lengths.push(length);
    }
    next.#alive = this.#alive;
    next.#aliveTerms = this.#aliveTerms;
    return next;
  }

  /**
   * The score of every document, by ordinal; 0 for one that holds none of the terms. BM25 with the idf that is never
   * negative, ln(1 + (N − n + ½) / (n + ½)). Documents that were removed are scored too.
   */
  scores(terms: Iterable<string>): Float32Array {
    const lengths = this.#lengths;
    const scores = new Float32Array(lengths.length);
    const mean = this.#aliveTerms / Math.max(1, this.#alive);
    for (const term of new Set(terms)) {
      const list = this.#lists.get(term);
      if (list === undefined) continue;
      const holding = Math.min(list.documents, this.#alive);
      const idf = Math.log(1 + (this.#alive - holding + 0.5) / (holding + 0.5));
      list.forEach((ordinal, times) => {
        const norm = K1 * (1 - B + B * (lengths[ordinal] ?? 0) / mean);
        scores[ordinal] = (scores[ordinal] ?? 0) + idf * times * (K1 + 1) / (times + norm);
      });
    }
    return scores;
  }
}

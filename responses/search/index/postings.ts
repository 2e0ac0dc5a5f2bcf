/** Saturation and length normalisation of BM25, with the usual values (Robertson and Zaragoza 2009, section 3.3). */
const K1 = 1.2;
const B = 0.75;

/** What a term costs beside its bytes: the map's entry and the object; measured, rounded up. */
const TERM_BYTES = 160;

/**
 * A term's documents: pairs of (distance from the document before, times it occurs), as variable-length numbers. The
 * last pair is still counted in, and not yet among the bytes.
 */
class PostingList {
  bytes = new Uint8Array(16);
  documents = 0;
  #length = 0;
  /** The last document among the bytes. */
  #written = -1;
  #last = -1;
  #times = 0;

  /**
   * The term occurs once more (or `times` more) in a document; ordinals never fall. Returns by how many bytes the list
   * grew.
   */
  count(ordinal: number, times: number): number {
    if (ordinal === this.#last) {
      this.#times += times;
      return 0;
    }
    const grown = this.#last >= 0 ? this.#writePair() : 0;
    this.#last = ordinal;
    this.#times = times;
    this.documents++;
    return grown;
  }

  #writePair(): number {
    const size = this.bytes.length;
    if (this.#length + 10 > size) {
      const grown = new Uint8Array(size * 2);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.#write(this.#last - this.#written - 1);
    this.#write(this.#times);
    this.#written = this.#last;
    return this.bytes.length - size;
  }

  forEach(visit: (ordinal: number, times: number) => void): void {
    const { bytes } = this;
    const length = this.#length;
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
    if (this.#last >= 0) visit(this.#last, this.#times);
  }

  #write(value: number): void {
    while (value >= 0x80) {
      this.bytes[this.#length++] = value & 0x7f | 0x80;
      value >>>= 7;
    }
    this.bytes[this.#length++] = value;
  }
}

/** The inverted index of one store: which documents hold a term, how often, and how long the documents are. */
export class Postings {
  readonly #lists = new Map<number, PostingList>();
  /** Terms of each document, by ordinal. */
  readonly #lengths: number[] = [];
  #alive = 0;
  #aliveTerms = 0;
  #bytes = 0;

  /** An estimate of the memory that the lists hold. */
  get usedBytes(): number {
    return this.#bytes + this.#lengths.length * 8;
  }

  /** Adds the document with the next ordinal; its words as `termKeys` gives them. */
  push(terms: Int32Array): void {
    const ordinal = this.#lengths.length;
    const lists = this.#lists;
    let bytes = 0;
    for (let at = 0; at < terms.length; at++) {
      const term = terms[at] ?? 0;
      let list = lists.get(term);
      if (list === undefined) {
        list = new PostingList();
        lists.set(term, list);
        bytes += TERM_BYTES + list.bytes.length;
      }
      bytes += list.count(ordinal, 1);
    }
    this.#bytes += bytes;
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
        if (ordinalNow >= 0) kept.count(ordinalNow, times);
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
  scores(terms: Int32Array): Float32Array {
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

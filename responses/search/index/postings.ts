/** The inverted index of one vector store. */
import { PostingLists } from "./posting_lists.ts";

/** Saturation and length normalisation of BM25, with the usual values (Robertson and Zaragoza 2009, section 3.3). */
const K1 = 1.2;
const B = 0.75;

/** The inverted index of one store: which documents hold a term, how often, and how long the documents are. */
export class Postings {
  readonly #lists: PostingLists;
  /** Terms of each document, by ordinal. */
  readonly #lengths: number[] = [];
  #alive = 0;
  #aliveTerms = 0;

  /** With room for so many different words; it grows beyond. */
  constructor(terms = 0) {
    this.#lists = new PostingLists(terms);
  }

  /** An estimate of the memory that it holds. */
  get usedBytes(): number {
    return this.#lists.usedBytes + this.#lengths.length * 8;
  }

  /** Adds the document with the next ordinal; its words as `termKeys` gives them. */
  push(terms: Int32Array): void {
    const ordinal = this.#lengths.length;
    const lists = this.#lists;
    for (let at = 0; at < terms.length; at++) lists.count(terms[at] ?? 0, ordinal, 1);
    this.#lengths.push(terms.length);
    this.#alive++;
    this.#aliveTerms += terms.length;
  }

  /** Removes a document from the statistics; its postings stay until {@linkcode Postings.compacted}. */
  remove(ordinal: number): void {
    this.#alive--;
    this.#aliveTerms -= this.#lengths[ordinal] ?? 0;
  }

  /** A copy without removed documents: `renamed[ordinal]` is the new ordinal, or −1. Rising stays rising. */
  compacted(renamed: Int32Array): Postings {
    // As large from the start: terms come in the order of their places, which would crowd a smaller table's beginning.
    const next = new Postings(this.#lists.size);
    for (const term of this.#lists.terms()) {
      this.#lists.forEach(term, (ordinal, times) => {
        const ordinalNow = renamed[ordinal] ?? -1;
        if (ordinalNow >= 0) next.#lists.count(term, ordinalNow, times);
      });
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
      const holding = Math.min(this.#lists.documents(term), this.#alive);
      const idf = Math.log(1 + (this.#alive - holding + 0.5) / (holding + 0.5));
      this.#lists.forEach(term, (ordinal, times) => {
        const norm = K1 * (1 - B + B * (lengths[ordinal] ?? 0) / mean);
        scores[ordinal] = (scores[ordinal] ?? 0) + idf * times * (K1 + 1) / (times + norm);
      });
    }
    return scores;
  }
}

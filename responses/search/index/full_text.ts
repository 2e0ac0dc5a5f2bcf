/** The full-text index of one vector store: SQLite's FTS5, in memory. */
import { DatabaseSync } from "node:sqlite";
import { termsOf } from "./terms.ts";

/**
 * Which documents hold which words, ranked by BM25 (https://sqlite.org/fts5.html, "The bm25() function": k1 is 1.2, b
 * is 0.75). Words are cut by {@linkcode termsOf}, since FTS5 takes a run of Chinese for one word. They are kept beside the
 * index: a table without contents goes on counting the length of removed documents.
 */
export class FullText implements Disposable {
  readonly #database = new DatabaseSync(":memory:");
  readonly #insert;
  readonly #delete;
  readonly #ranking;
  readonly #pages;
  /** Row of each document, rising. Rows keep their numbers when documents before them go. */
  #rows: number[] = [];
  #nextRow = 1;
  #usedBytes: number | undefined;

  constructor() {
    this.#database.exec(
      "PRAGMA journal_mode = OFF; " +
        "CREATE VIRTUAL TABLE words USING fts5(text)",
    );
    const prepare = (sql: string) => this.#database.prepare(sql);
    this.#insert = prepare("INSERT INTO words (rowid, text) VALUES (?, ?)");
    this.#delete = prepare("DELETE FROM words WHERE rowid = ?");
    this.#ranking = prepare("SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank, rowid");
    this.#pages = prepare(
      "SELECT (page_count - freelist_count) * page_size AS bytes " +
        "FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
    );
  }

  /** Memory that the index holds. */
  get usedBytes(): number {
    return this.#usedBytes ??= Number(this.#pages.get()?.bytes) + this.#rows.length * 8;
  }

  /** Adds documents, with the next ordinals. */
  add(texts: readonly string[]): void {
    this.#change(() => {
      for (const text of texts) {
        this.#insert.run(this.#nextRow, termsOf(text).join(" "));
        this.#rows.push(this.#nextRow++);
      }
    });
  }

  /** Removes documents; the others keep their ordinals until {@linkcode FullText.renumber}. */
  remove(ordinals: readonly number[]): void {
    this.#change(() => {
      for (const ordinal of ordinals) this.#delete.run(this.#rows[ordinal] ?? 0);
    });
  }

  /** Leaves removed documents out of the count: the ordinals that are kept, rising, become 0, 1, 2 … */
  renumber(kept: readonly number[]): void {
    this.#rows = kept.map((ordinal) => this.#rows[ordinal] ?? 0);
    this.#database.exec("INSERT INTO words (words) VALUES ('optimize')");
    this.#usedBytes = undefined;
  }

  /** Ordinals of the documents that hold any of a text's words, best first; of equal ones the lower first. */
  *ranking(text: string): Generator<number> {
    const words = new Set(termsOf(text));
    if (words.size === 0) return;
    const query = Array.from(words, (word) => `"${word}"`).join(" OR ");
    for (const { rowid } of this.#ranking.iterate(query)) yield this.#ordinalOf(Number(rowid));
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #change(change: () => void): void {
    this.#database.exec("BEGIN");
    change();
    this.#database.exec("COMMIT");
    this.#usedBytes = undefined;
  }

  #ordinalOf(row: number): number {
    let [low, high] = [0, this.#rows.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#rows[middle] ?? 0) < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

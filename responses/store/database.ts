/** Value of a column or a parameter. Integers stay below 2^53. */
export type Value = string | number | null | Uint8Array;

/** A row, by column name. */
export type Row = Readonly<Record<string, Value>>;

/** One statement of a transaction. Parameters are `$1`, `$2`, … in both dialects. */
export interface Statement {
  readonly sql: string;
  readonly params?: readonly Value[];
  /** The fewest rows that it must touch; when it touches fewer, the whole transaction is undone. */
  readonly expect?: number;
}

/** The two SQL dialects. They differ in column types (`migrations.ts`), and in nothing that a repository writes. */
export type Dialect = "sqlite" | "postgres";

/**
 * The seam below the repositories. A transaction is a list of statements, not a function: it costs one round trip, no
 * lock is ever held while this thread does something else, and SQLite can commit many of them with one fsync.
 */
export interface Database extends AsyncDisposable {
  readonly dialect: Dialect;
  /** Reads. Sees every transaction that was resolved before. */
  query(sql: string, params?: readonly Value[]): Promise<Row[]>;
  /**
   * All or nothing, in order. True when it is on disk, or, with `sync: false`, when it survives a kill of this process
   * but perhaps not of the machine (what comes later never survives without it); false when a statement touched fewer rows than it expects, and
   * then nothing has changed.
   *
   * @throws {DatabaseError} when a statement fails; then nothing has changed either
   */
  transaction(statements: readonly Statement[], options?: TransactionOptions): Promise<boolean>;
}

/** How much a transaction is to survive. */
export interface TransactionOptions {
  /** Waits for the disk; true when left out. */
  readonly sync?: boolean;
}

/** A statement that the database refused, or a database that cannot be reached. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
}

/**
 * The thread that owns the SQLite file: `node:sqlite` is synchronous, and an fsync would stall every stream of the
 * main thread. One connection, one writer; a group of transactions is committed with one fsync.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { makePrivateFileSync, serveWorker } from "../../service/mod.ts";
import type { Row, Statement, Value } from "./database.ts";

/** Result of one transaction of a group. */
export type Outcome = { readonly done: boolean } | { readonly error: string };

/** Ten seconds, in case another program looks into the file at that moment. */
const BUSY_MS = 10_000;

/** Prepared statements that are kept; the repositories have about a hundred texts. */
const PREPARED_LIMIT = 500;

let database: DatabaseSync | undefined;
/** The file of the log. */
let log: string | undefined;
/** Whether commits wait for the disk now. */
let syncing = true;
const prepared = new Map<string, StatementSync>();

const methods = {
  /**
   * Opens the file, or makes it. The lock is exclusive: a second process would neither see leases nor caches of the
   * first. `synchronous = FULL` syncs the log at each commit (https://sqlite.org/pragma.html#pragma_synchronous). Ids
   * are random, so pages are touched anywhere: 64 MiB of them are kept, and the log is written back every 8,000.
   */
  open({ path, busyMs = BUSY_MS }: { path: string; busyMs?: number }): void {
    if (path !== ":memory:") makePrivateFileSync(path);
    const opened = new DatabaseSync(path);
    try {
      opened.exec(`
        PRAGMA busy_timeout = ${busyMs};
        PRAGMA locking_mode = EXCLUSIVE;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA foreign_keys = ON;
        PRAGMA wal_autocheckpoint = 8000;
        PRAGMA cache_size = -65536;
        BEGIN EXCLUSIVE;
        COMMIT;
      `);
    } catch (error) {
      opened.close();
      throw error;
    }
    database = opened;
    syncing = true;
    log = path === ":memory:" ? undefined : `${path}-wal`;
  },

  query({ sql, params }: { sql: string; params: readonly Value[] }): Row[] {
    return statement(sql).all(...params) as Row[];
  },

  /**
   * Runs transactions one after the other and commits them together. Without `sync` the log is written, but not synced
   * (`synchronous = NORMAL`): the next commit that is synced takes it along.
   */
  commit({ group, sync }: CommitGroup): Outcome[] {
    const db = opened();
    if (sync !== syncing) db.exec(`PRAGMA synchronous = ${sync ? "FULL" : "NORMAL"}`);
    syncing = sync;
    db.exec("BEGIN IMMEDIATE");
    try {
      const outcomes = group.map((statements) => runOne(db, statements));
      db.exec("COMMIT");
      return outcomes;
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  },

  /** Waits until the log is on the disk. */
  flush(): void {
    if (database === undefined || log === undefined) return;
    using file = Deno.openSync(log);
    file.syncDataSync();
  },

  /** Writes the log back into the file, so that one file is all there is, and closes it. */
  close(): void {
    prepared.clear();
    database?.close();
    database = undefined;
  },
};

/** Transactions that are committed together. */
interface CommitGroup {
  readonly group: readonly (readonly Statement[])[];
  /** Waits for the disk. */
  readonly sync: boolean;
}

export type SqliteMethods = typeof methods;

function runOne(db: DatabaseSync, statements: readonly Statement[]): Outcome {
  // Prepared: a text that is executed is parsed each time.
  statement("SAVEPOINT one").run();
  try {
    for (const { sql, params = [], expect = 0 } of statements) {
      if (Number(statement(sql).run(...params).changes) < expect) {
        db.exec("ROLLBACK TO one; RELEASE one");
        return { done: false };
      }
    }
    statement("RELEASE one").run();
    return { done: true };
  } catch (error) {
    // A full disk ends the whole transaction; then there is no savepoint to go back to.
    if (!db.isTransaction) throw error;
    db.exec("ROLLBACK TO one; RELEASE one");
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function statement(sql: string): StatementSync {
  const known = prepared.get(sql);
  if (known !== undefined) return known;
  if (prepared.size >= PREPARED_LIMIT) prepared.clear();
  // SQLite numbers its parameters ?1, ?2.
  const made = opened().prepare(sql.replace(/\$(\d+)/g, "?$1"));
  prepared.set(sql, made);
  return made;
}

function opened(): DatabaseSync {
  if (database === undefined) throw new Error("The database is closed");
  return database;
}

serveWorker(methods);

/** The thread that owns the log's file: `node:sqlite` is synchronous, and a commit would stall every stream. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { serveWorker } from "../service/mod.ts";
import { type Bounds, prune } from "./bounds.ts";
import { openForWriting } from "./database.ts";
import { type Point, trendsOf } from "./query.ts";
import { COLUMNS, type Value } from "./row.ts";

/** Between looks at the bounds, milliseconds. */
const PRUNE_MS = 60_000;

let database: DatabaseSync | undefined;
let insert: StatementSync | undefined;
let bounds: Bounds | undefined;
let pruned = 0;

function opened(): DatabaseSync {
  if (database === undefined) throw new TypeError("Cannot write: the call log is not open");
  return database;
}

const methods = {
  /** Opens the file. Throws `UsageError` as `openForWriting()` does. */
  open(options: { path: string; bounds: Bounds }): void {
    database = openForWriting(options.path);
    insert = database.prepare(`INSERT INTO calls VALUES (${COLUMNS.map(() => "?").join(", ")})`);
    bounds = options.bounds;
  },

  /** Writes calls in one transaction, and how many were lost before them. */
  write({ rows, lost }: { rows: readonly Value[][]; lost: number }): void {
    const db = opened();
    db.exec("BEGIN");
    try {
      for (const row of rows) insert?.run(...row);
      if (lost > 0) db.prepare("INSERT INTO losses VALUES (?, ?)").run(Date.now(), lost);
      db.exec("COMMIT");
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
    if (bounds !== undefined && Date.now() - pruned > PRUNE_MS) {
      pruned = Date.now();
      prune(db, bounds);
    }
  },

  trends(asked: Parameters<typeof trendsOf>[1]): Point[] {
    return trendsOf(opened(), asked);
  },

  close(): void {
    insert = undefined;
    database?.close();
    database = undefined;
  },
};

/** Methods of the thread. */
export type CallLogMethods = typeof methods;

serveWorker(methods);

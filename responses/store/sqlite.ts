/** The database on SQLite, on a thread of its own. */
import { dirname } from "node:path";
import { makePrivateFolder, messageOf, startWorker, UnavailableError } from "../../service/mod.ts";
import { type Database, DatabaseError, type Statement } from "./database.ts";
import type { Outcome, SqliteMethods } from "./sqlite_worker.ts";

/** Transactions in one group: more would only make the first ones wait. */
const GROUP_LIMIT = 256;

interface Pending {
  readonly statements: readonly Statement[];
  readonly sync: boolean;
  readonly resolve: (done: boolean) => void;
  readonly reject: (error: Error) => void;
}

/** Options of `openSqlite`. */
export interface SqliteOptions {
  /** The file; its folder is made when there is none. */
  readonly path: string;
  /** How long to wait for another process to let go of the file, in milliseconds; ten seconds when left out. */
  readonly busyMs?: number;
}

/**
 * Opens a SQLite file on a thread of its own, for this process alone. What `transaction` resolves is synced to disk;
 * those that arrive while one is being written are committed together.
 *
 * @throws {UnavailableError} when the file cannot be opened, or another process has it
 */
export async function openSqlite({ path, busyMs }: SqliteOptions): Promise<Database> {
  const fail = (error: unknown) => {
    const locked = /database is locked/.test(messageOf(error));
    const help = locked
      ? "another process has it: end that one, or use PostgreSQL for several"
      : messageOf(error);
    return new UnavailableError(`Cannot open the store "${path}": ${help}`);
  };
  await makePrivateFolder(dirname(path)).catch((error) => {
    throw fail(error);
  });
  const worker = startWorker<SqliteMethods>("responses/store/sqlite_worker.ts");
  try {
    await worker.call("open", { path, ...(busyMs === undefined ? {} : { busyMs }) });
  } catch (error) {
    worker[Symbol.dispose]();
    throw fail(error);
  }

  let queue: Pending[] = [];
  let writing: Promise<void> | undefined;
  let closed = false;

  async function write(): Promise<void> {
    while (queue.length > 0) {
      const group = queue.slice(0, GROUP_LIMIT);
      queue = queue.slice(GROUP_LIMIT);
      try {
        const outcomes = await worker.call("commit", {
          group: group.map(({ statements }) => statements),
          sync: group.some(({ sync }) => sync),
        });
        group.forEach((pending, index) => settle(pending, outcomes[index]));
      } catch (error) {
        for (const { reject } of group) reject(new DatabaseError(messageOf(error)));
      }
    }
    writing = undefined;
  }

  return {
    dialect: "sqlite",
    async query(sql, params = []) {
      try {
        return await worker.call("query", { sql, params });
      } catch (error) {
        throw new DatabaseError(messageOf(error));
      }
    },
    transaction(statements, { sync = true } = {}) {
      if (closed) return Promise.reject(new DatabaseError("The database is closed"));
      const { promise, resolve, reject } = Promise.withResolvers<boolean>();
      queue.push({ statements, sync, resolve, reject });
      // In a microtask, so that what the same turn asks for goes into one group.
      writing ??= Promise.resolve().then(write);
      return promise;
    },
    async [Symbol.asyncDispose]() {
      if (closed) return;
      closed = true;
      await writing;
      await worker.call("close", undefined);
      worker[Symbol.dispose]();
    },
  };
}

function settle({ resolve, reject }: Pending, outcome: Outcome | undefined): void {
  if (outcome === undefined) reject(new DatabaseError("The transaction had no outcome"));
  else if ("error" in outcome) reject(new DatabaseError(outcome.error));
  else resolve(outcome.done);
}

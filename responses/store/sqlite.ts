/** The database on SQLite, on a thread of its own. */
import { dirname } from "node:path";
import { setImmediate } from "node:timers";
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

/**
 * Milliseconds that a commit which waits for no disk waits for others in their place, when they come that close: each
 * message to the thread costs as much as what it carries. PostgreSQL calls this `commit_delay`.
 */
const GATHER_MS = 2;
/** Weight of the newest gap in the running mean of the gaps between two transactions. */
const NEWEST = 0.2;

/** Milliseconds after which what was written without waiting for the disk is on it. */
const FLUSH_MS = 200;

/** Options of `openSqlite`. */
export interface SqliteOptions {
  /** The file; its folder is made when there is none. */
  readonly path: string;
  /** How long to wait for another process to let go of the file, in milliseconds; ten seconds when left out. */
  readonly busyMs?: number;
}

/**
 * Opens a SQLite file on a thread of its own, for this process alone. What `transaction` resolves is synced to disk, or
 * is so 200 ms later where it need not be; those that arrive while one is being written are committed together.
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
  let last = performance.now();
  let meanGapMs = Infinity;
  let flushing: ReturnType<typeof setTimeout> | undefined;

  function flushSoon(): void {
    flushing ??= setTimeout(() => {
      flushing = undefined;
      // A disk that fails here fails the next write, too, which somebody waits for.
      worker.call("flush", undefined).catch(() => {});
    }, FLUSH_MS);
  }

  async function write(): Promise<void> {
    while (queue.length > 0) {
      const group = queue.slice(0, GROUP_LIMIT);
      queue = queue.slice(GROUP_LIMIT);
      try {
        const sync = group.some((one) => one.sync);
        const statements = group.map((one) => one.statements);
        const outcomes = await worker.call("commit", { group: statements, sync });
        if (!sync) flushSoon();
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
      const gap = performance.now() - last;
      last += gap;
      meanGapMs = Number.isFinite(meanGapMs) ? meanGapMs + NEWEST * (gap - meanGapMs) : gap;
      // At the end of the turn at least, so that what it asks for goes into one group.
      writing ??= turnEnd(sync || meanGapMs > GATHER_MS ? 0 : GATHER_MS).then(write);
      return promise;
    },
    async [Symbol.asyncDispose]() {
      if (closed) return;
      closed = true;
      await writing;
      clearTimeout(flushing);
      await worker.call("close", undefined);
      worker[Symbol.dispose]();
    },
  };
}

/** Resolves when what the event loop had at hand is done, and so many milliseconds later. */
function turnEnd(ms: number): Promise<void> {
  return new Promise((resolve) => ms === 0 ? setImmediate(resolve) : setTimeout(resolve, ms));
}

function settle({ resolve, reject }: Pending, outcome: Outcome | undefined): void {
  if (outcome === undefined) reject(new DatabaseError("The transaction had no outcome"));
  else if ("error" in outcome) reject(new DatabaseError(outcome.error));
  else resolve(outcome.done);
}

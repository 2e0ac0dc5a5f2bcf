/** Counters that survive a restart, in an SQLite file. */
import { setImmediate } from "node:timers";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { makePrivateFileSync, messageOf, UnavailableError } from "../../service/mod.ts";
import { MemoryCounters } from "./memory.ts";
import type { Take } from "./store.ts";

/** Charges are written together for this long: nobody waits for their answer, and a write costs more than a request. */
const TOGETHER_MS = 10;

/**
 * Counters in memory, each addition also written to a file before it is answered: those of one turn
 * of the event loop together, or of some milliseconds where nobody waits. Without an fsync per write (`synchronous = NORMAL` in WAL mode), so
 * that no stream waits for a disk: what was answered survives the end of the process however it
 * comes, and a power failure may cost the last moments, never the file.
 */
export class SqliteCounters extends MemoryCounters {
  override readonly place: string;
  readonly #database: DatabaseSync;
  readonly #write: StatementSync;
  readonly #forget: StatementSync;
  /** Counters that are not written yet, and when each can be forgotten. */
  readonly #changed = new Map<string, number>();
  #writing: PromiseWithResolvers<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Opens or creates the file, for this process alone.
   *
   * @throws {UnavailableError} when it cannot be had, or another process has it
   */
  constructor(path: string, now: () => number = Date.now) {
    super(now);
    this.place = path;
    try {
      if (path !== ":memory:") makePrivateFileSync(path);
      this.#database = new DatabaseSync(path);
      this.#database.exec(
        `PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         CREATE TABLE IF NOT EXISTS counters (
           name TEXT PRIMARY KEY, used INTEGER NOT NULL, expires_at INTEGER NOT NULL
         ) WITHOUT ROWID;`,
      );
      this.#forget = this.#database.prepare("DELETE FROM counters WHERE expires_at <= ?");
      this.#forget.run(now());
      const rows = this.#database.prepare("SELECT name, used, expires_at FROM counters").all();
      for (const { name, used, expires_at } of rows) {
        this.counters.set(String(name), { used: Number(used), expiresAt: Number(expires_at) });
      }
    } catch (error) {
      throw new UnavailableError(
        `Cannot keep the counters in "${path}": ${
          messageOf(error)
        }: the file must be writable, and no other process may use it`,
      );
    }
    this.#write = this.#database.prepare(
      `INSERT INTO counters (name, used, expires_at) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET used = excluded.used`,
    );
  }

  protected override keep(
    adds: readonly Omit<Take, "max">[],
    awaited: boolean,
  ): Promise<void> {
    for (const { counter, expiresAt } of adds) this.#changed.set(counter, expiresAt);
    this.#writing ??= Promise.withResolvers();
    if (awaited) setImmediate(() => this.#writeChanged());
    else this.#timer ??= setTimeout(() => this.#writeChanged(), TOGETHER_MS);
    return this.#writing.promise;
  }

  #writeChanged(): void {
    const writing = this.#writing;
    if (writing === undefined) return;
    this.#writing = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      this.#database.exec("BEGIN");
      for (const [counter, expiresAt] of this.#changed) {
        this.#write.run(counter, this.counters.get(counter)?.used ?? 0, expiresAt);
      }
      this.#database.exec("COMMIT");
      this.#changed.clear();
      writing.resolve();
    } catch (error) {
      // They stay among the changed, and are written with the next.
      this.#rollBack();
      writing.reject(
        new UnavailableError(`Cannot write the counters to "${this.place}": ${messageOf(error)}`),
      );
    }
  }

  #rollBack(): void {
    try {
      this.#database.exec("ROLLBACK");
    } catch {
      // SQLite has done so by itself, or never began.
    }
  }

  protected override forget(now: number): void {
    this.#forget.run(now);
  }

  override [Symbol.asyncDispose](): Promise<void> {
    this.#writeChanged();
    this.#database.close();
    return Promise.resolve();
  }
}

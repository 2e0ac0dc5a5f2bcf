/** A store in an SQLite file, or in memory. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { makePrivateFileSync, messageOf, UnavailableError } from "../../service/mod.ts";
import type { Store, StoredValue } from "./store.ts";

/**
 * Opens or creates the file, or a database in memory for `:memory:`. Each write is in the file when `put` returns;
 * without an fsync, so that a power failure may cost the last moments, and the end of the process none.
 *
 * @throws {UnavailableError} when the file cannot be had
 */
export function openStore(path: string, now: () => number = Date.now): Store {
  try {
    return new SqliteStore(path, now);
  } catch (error) {
    throw new UnavailableError(
      `Cannot open the store "${path}": ${messageOf(error)}: the file must be writable`,
    );
  }
}

class SqliteStore implements Store {
  readonly place: string;
  readonly #database: DatabaseSync;
  readonly #now: () => number;
  readonly #read: StatementSync;
  readonly #write: StatementSync;
  readonly #delete: StatementSync;
  readonly #keys: StatementSync;
  readonly #lock: StatementSync;
  readonly #unlock: StatementSync;
  readonly #expire: StatementSync;
  readonly #size: StatementSync;
  readonly #oldest: StatementSync;

  constructor(path: string, now: () => number) {
    this.place = path === ":memory:" ? "memory" : path;
    this.#now = now;
    // It holds what people said.
    if (path !== ":memory:") makePrivateFileSync(path);
    this.#database = new DatabaseSync(path);
    this.#database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000;
       CREATE TABLE IF NOT EXISTS entries (
         key TEXT PRIMARY KEY, value BLOB NOT NULL, written_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
       );
       CREATE INDEX IF NOT EXISTS by_age ON entries (written_at);`,
    );
    this.#read = this.#database.prepare(
      "SELECT value, written_at FROM entries WHERE key = ? AND expires_at > ?",
    );
    this.#write = this.#database.prepare(
      `INSERT INTO entries (key, value, written_at, expires_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET
         value = excluded.value, written_at = excluded.written_at, expires_at = excluded.expires_at`,
    );
    this.#delete = this.#database.prepare("DELETE FROM entries WHERE key = ?");
    this.#keys = this.#database.prepare(
      "SELECT key FROM entries WHERE substr(key, 1, length(?1)) = ?1 AND expires_at > ?2",
    );
    this.#lock = this.#database.prepare(
      `INSERT INTO entries (key, value, written_at, expires_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (key) DO UPDATE SET
         value = excluded.value, written_at = excluded.written_at, expires_at = excluded.expires_at
       WHERE entries.expires_at <= excluded.written_at`,
    );
    this.#unlock = this.#database.prepare("DELETE FROM entries WHERE key = ? AND value = ?");
    this.#expire = this.#database.prepare("DELETE FROM entries WHERE expires_at <= ?");
    this.#size = this.#database.prepare(
      "SELECT coalesce(sum(length(value)), 0) AS bytes FROM entries WHERE substr(key, 1, length(?1)) = ?1",
    );
    this.#oldest = this.#database.prepare(
      `DELETE FROM entries WHERE key IN (
         SELECT key FROM entries WHERE substr(key, 1, length(?1)) = ?1 ORDER BY written_at LIMIT 16
       )`,
    );
    this.#expire.run(now());
  }

  get(key: string): StoredValue | undefined {
    const row = this.#read.get(key, this.#now());
    return row === undefined
      ? undefined
      : { value: row.value as Uint8Array, writtenAt: Number(row.written_at) };
  }

  put(key: string, value: Uint8Array, ttlMs: number): void {
    const now = this.#now();
    this.#write.run(key, value, now, now + ttlMs);
  }

  update(
    key: string,
    change: (value: Uint8Array | undefined) => Uint8Array,
    ttlMs: number,
  ): void {
    // Other processes may have the file open as well.
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      this.put(key, change(this.get(key)?.value), ttlMs);
      this.#database.exec("COMMIT");
    } catch (error) {
      this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  keys(prefix: string): string[] {
    return this.#keys.all(prefix, this.#now()).map(({ key }) => String(key));
  }

  remove(keys: readonly string[]): number {
    return keys.reduce((count, key) => count + Number(this.#delete.run(key).changes), 0);
  }

  lock(name: string, ttlMs: number): (() => void) | undefined {
    const key = `lock:${name}`;
    const mine = new TextEncoder().encode(crypto.randomUUID());
    const now = this.#now();
    if (Number(this.#lock.run(key, mine, now, now + ttlMs).changes) === 0) return undefined;
    return () => void this.#unlock.run(key, mine);
  }

  trim(prefix: string, max: number): void {
    this.#expire.run(this.#now());
    while (Number(this.#size.get(prefix)?.bytes ?? 0) > max) this.#oldest.run(prefix);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#database.close();
    return Promise.resolve();
  }
}

/** Journals: bounded lists of what happened, that can be waited on. */
import { withDeadline } from "./deadline.ts";

/** How long `Journal.waitFor` waits when nothing else is said: longer than any case needs. */
const DEFAULT_WAIT_MS = 30_000;

/**
 * A bounded, append-only list of what happened, that can be awaited instead of slept for.
 *
 * Entries may be changed by their owner while they run; `notify()` then wakes the waiters.
 */
export class Journal<T> {
  readonly #limit: number;
  #entries: T[] = [];
  #dropped = 0;
  readonly #listeners = new Set<(entry: T) => void>();
  readonly #waiters = new Set<() => void>();

  /** @param options `limit`: entries kept; the oldest are dropped beyond it */
  constructor(options: { limit: number }) {
    if (!(options.limit >= 1)) {
      throw new RangeError(
        `Cannot create the journal: limit must be >= 1: current value is ${options.limit}`,
      );
    }
    this.#limit = options.limit;
  }

  /** How many entries were dropped because the journal was full. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Adds an entry and wakes everyone who waits for it. */
  append(entry: T): void {
    this.#entries.push(entry);
    // Cut in blocks: shifting one entry at a time would copy the list on every append.
    if (this.#entries.length >= this.#limit * 2) {
      this.#dropped += this.#entries.length - this.#limit;
      this.#entries = this.#entries.slice(-this.#limit);
    }
    for (const listener of this.#listeners) listener(entry);
    this.notify();
  }

  /** Returns the newest entries, oldest first, at most `limit`. */
  entries(): readonly T[] {
    return this.#entries.length > this.#limit ? this.#entries.slice(-this.#limit) : this.#entries;
  }

  /**
   * Resolves with the first entry that satisfies `predicate`, one already there included.
   *
   * @throws {UnavailableError} when none came within `deadlineMs` (default 30 s)
   */
  async waitFor(
    predicate: (entry: T) => boolean,
    options: { signal?: AbortSignal; deadlineMs?: number; what?: string } = {},
  ): Promise<T> {
    const present = this.entries().find(predicate);
    if (present !== undefined) return present;
    const found = Promise.withResolvers<T>();
    const look = () => {
      const entry = this.entries().find(predicate);
      if (entry !== undefined) found.resolve(entry);
    };
    this.#waiters.add(look);
    try {
      return await withDeadline(
        found.promise,
        options.deadlineMs ?? DEFAULT_WAIT_MS,
        options.what ?? "Wait for a journal entry",
        options.signal,
      );
    } finally {
      this.#waiters.delete(look);
    }
  }

  /** Calls `listener` with every entry appended from now on, until disposed. */
  subscribe(listener: (entry: T) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Lets the waiters look again, after an entry was changed in place. */
  notify(): void {
    for (const look of this.#waiters) look();
  }

  /** Forgets the entries that satisfy `predicate`; all of them without one. */
  clear(predicate?: (entry: T) => boolean): void {
    this.#entries = predicate ? this.#entries.filter((entry) => !predicate(entry)) : [];
  }
}

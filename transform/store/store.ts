/** Values that outlive a process, by key, each with a time at which it goes. */

/** A value, or the promise of it: a file answers at once, a server later. */
export type Awaitable<T> = T | Promise<T>;

/** A place for values. What it has taken survives the end of the process, however that comes. */
export interface Store extends AsyncDisposable {
  /** The place for people: a path, a server, or `memory`. */
  readonly place: string;
  /** Returns a value, and when it was written, unless it is gone. */
  get(key: string): Awaitable<StoredValue | undefined>;
  /** Keeps a value for `ttlMs` milliseconds. */
  put(key: string, value: Uint8Array, ttlMs: number): Awaitable<void>;
  /** Changes a value as one step: of two changes at once none is lost. `change` may be asked again. */
  update(
    key: string,
    change: (value: Uint8Array | undefined) => Uint8Array,
    ttlMs: number,
  ): Awaitable<void>;
  /** Returns the keys that begin with a prefix. */
  keys(prefix: string): Awaitable<string[]>;
  /** Forgets keys; returns how many there were. */
  remove(keys: readonly string[]): Awaitable<number>;
  /** Lets the oldest values go, until those whose keys begin with a prefix have at most `max` bytes. */
  trim(prefix: string, max: number): Awaitable<void>;
  /** Acquires a lock that nobody has, for at most `ttlMs`; returns a function that releases it, or undefined. */
  lock(name: string, ttlMs: number): Awaitable<(() => Awaitable<void>) | undefined>;
}

/** A value as it was kept. */
export interface StoredValue {
  readonly value: Uint8Array;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
}

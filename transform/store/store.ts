/** Values that outlive a process, by key, each with a time at which it goes. */
export interface Store extends AsyncDisposable {
  /** Place of the store, for people: a path, or `memory`. */
  readonly place: string;
  /** Returns a value, and when it was written, unless it is gone. */
  get(key: string): StoredValue | undefined;
  /** Keeps a value for `ttlMs` milliseconds; it survives the end of the process however that comes. */
  put(key: string, value: Uint8Array, ttlMs: number): void;
  /** Forgets the keys that begin with a prefix; returns how many there were. */
  delete(prefix: string): number;
  /** Bytes of all values whose keys begin with a prefix, the oldest of which go first when there are more than `max`. */
  trim(prefix: string, max: number): void;
}

/** A value as it was kept. */
export interface StoredValue {
  readonly value: Uint8Array;
  /** Milliseconds since 1970. */
  readonly writtenAt: number;
}

/** A store on a Redis-compatible server, for several processors together. */
import { connectRedis, type Redis } from "../../redis/mod.ts";
import { UnavailableError } from "../../service/mod.ts";
import type { Store, StoredValue } from "./store.ts";

/** Before each key, so that the server can be shared with others. */
const PREFIX = "llmgate:";

/** A value begins with the time at which it was written, milliseconds since 1970. */
const TIME_BYTES = 8;

/** Sets a value if it is still the one that was read; an empty text stands for none. */
const SET_IF_SAME = `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`;

/** Removes a lock that is still one's own. */
const UNLOCK = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/** How often a change is tried again that somebody else was quicker with. */
const TRIES = 50;

/**
 * Connects to a server by its URL. One that is away is no error here: what needs it says so, or does without.
 *
 * @throws {UsageError} for a URL that is none
 */
export async function openRedisStore(url: string, now: () => number = Date.now): Promise<Store> {
  return new RedisStore(await connectRedis(url, { mustAnswer: false }), now);
}

class RedisStore implements Store {
  readonly place: string;
  readonly #redis: Redis;
  readonly #now: () => number;

  constructor(redis: Redis, now: () => number) {
    this.place = redis.place;
    this.#redis = redis;
    this.#now = now;
  }

  async get(key: string): Promise<StoredValue | undefined> {
    const bytes = await this.#redis.get(PREFIX + key);
    return bytes === undefined ? undefined : opened(bytes);
  }

  async put(key: string, value: Uint8Array, ttlMs: number): Promise<void> {
    await this.#redis.set(PREFIX + key, this.#sealed(value), ttlMs);
  }

  async update(
    key: string,
    change: (value: Uint8Array | undefined) => Uint8Array,
    ttlMs: number,
  ): Promise<void> {
    for (let tries = 0; tries < TRIES; tries++) {
      const before = await this.#redis.get(PREFIX + key);
      const after = this.#sealed(change(before && opened(before).value));
      const args = [before ?? "", after, ttlMs];
      if (await this.#redis.run(SET_IF_SAME, [PREFIX + key], args) === 1) return;
    }
    throw new UnavailableError(
      `Cannot change "${key}" in ${this.place}: too many change it at once`,
    );
  }

  async keys(prefix: string): Promise<string[]> {
    return (await this.#redis.keys(PREFIX + prefix)).map((key) => key.slice(PREFIX.length));
  }

  remove(keys: readonly string[]): Promise<number> {
    return this.#redis.remove(...keys.map((key) => PREFIX + key));
  }

  /** The server's own `maxmemory` bounds it. */
  trim(): void {}

  async lock(name: string, ttlMs: number): Promise<(() => Promise<void>) | undefined> {
    const key = `${PREFIX}lock:${name}`;
    const mine = crypto.randomUUID();
    if (!await this.#redis.add(key, mine, ttlMs)) return undefined;
    return async () => void await this.#redis.run(UNLOCK, [key], [mine]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#redis[Symbol.asyncDispose]();
  }

  #sealed(value: Uint8Array): Uint8Array {
    const bytes = new Uint8Array(TIME_BYTES + value.length);
    new DataView(bytes.buffer).setFloat64(0, this.#now());
    bytes.set(value, TIME_BYTES);
    return bytes;
  }
}

function opened(bytes: Uint8Array): StoredValue {
  const { buffer, byteOffset } = bytes;
  return {
    writtenAt: new DataView(buffer, byteOffset).getFloat64(0),
    value: bytes.subarray(TIME_BYTES),
  };
}

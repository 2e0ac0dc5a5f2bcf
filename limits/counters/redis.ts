/** Counters on a Redis-compatible server, shared by several limits services. */
import { connectRedis, type Redis } from "../../redis/mod.ts";
import type { CounterStore, Take, Taken } from "./store.ts";

/**
 * Looks at every counter and adds all amounts or none, as one step. A limit of -1 is none. KEYS: the
 * counters; ARGV: amount, limit and expiry (milliseconds since 1970) of each.
 */
const TAKE = `
local used, granted = {}, 1
for i, key in ipairs(KEYS) do
  local now = tonumber(redis.call('GET', key) or '0')
  local amount, max = tonumber(ARGV[i * 3 - 2]), tonumber(ARGV[i * 3 - 1])
  if max >= 0 and (now >= max or now + amount > max) then granted = 0 end
  used[i] = now
end
if granted == 1 then
  for i, key in ipairs(KEYS) do
    if ARGV[i * 3 - 2] ~= '0' then
      used[i] = redis.call('INCRBY', key, ARGV[i * 3 - 2])
      redis.call('PEXPIREAT', key, ARGV[i * 3])
    end
  end
end
table.insert(used, 1, granted)
return used`;

/** Before a counter's name, so that the server can be shared with others. */
const PREFIX = "llmgate:limits:";
/** A counter outlives its window by this, for replicas whose clocks are late. */
const GRACE_MS = 60_000;

/**
 * Connects to a server: `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS. A
 * connection that breaks is made anew by the next request.
 *
 * @throws {UsageError} when the URL is none of these
 * @throws {UnavailableError} when the server does not answer
 */
export async function connectRedisCounters(url: string): Promise<CounterStore> {
  return new RedisCounters(await connectRedis(url));
}

class RedisCounters implements CounterStore {
  readonly place: string;
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
    this.place = redis.place;
  }

  async take(takes: readonly Take[]): Promise<Taken> {
    const reply = await this.#redis.run(
      TAKE,
      takes.map(({ counter }) => PREFIX + counter),
      takes.flatMap(({ amount, max, expiresAt }) => [amount, max, expiresAt + GRACE_MS]),
    );
    const [granted, ...used] = Array.isArray(reply) ? reply.map(Number) : [];
    return { granted: granted === 1, used };
  }

  add(adds: readonly Omit<Take, "max">[]): undefined | Promise<void> {
    const spent = adds.filter(({ amount }) => amount > 0);
    if (spent.length === 0) return undefined;
    return this.take(spent.map((one) => ({ ...one, max: -1 }))).then(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#redis[Symbol.asyncDispose]();
  }
}

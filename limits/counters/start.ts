/** Picks the place of the counters that a limits file asks for. Each is loaded only where it is used. */
import { dirname, isAbsolute, join } from "node:path";
import { loadModule, UsageError } from "../../service/mod.ts";
import type { LimitsFile } from "../limits_schema.ts";
import type { CounterStore } from "./store.ts";

/** `store:` of limits whose counters end with the process. */
const MEMORY = "memory";

/**
 * Opens the counters: a Redis-compatible server where `redis_env` names one, else an SQLite file,
 * which is `store`, or stands beside the limits file with the ending `.sqlite`. Limits that are no
 * file have theirs in memory.
 *
 * @throws {UsageError} when the variable of `redis_env` is not set
 * @throws {UnavailableError} when the place cannot be had
 */
export async function startCounters(
  { store, redis_env }: Pick<LimitsFile, "store" | "redis_env">,
  { limitsFile, env, now }: {
    limitsFile: string | undefined;
    env: (name: string) => string | undefined;
    /** The time of the limits, by which counters end, too. */
    now: () => number;
  },
): Promise<CounterStore> {
  if (redis_env !== undefined) {
    const url = env(redis_env);
    if (url === undefined || url === "") {
      throw new UsageError(
        `Cannot use redis_env: the environment variable "${redis_env}" is not set: it must hold redis://HOST:PORT`,
      );
    }
    const { connectRedisCounters } = await loadModule<typeof import("./redis.ts")>(
      "limits/counters/redis.ts",
    );
    return await connectRedisCounters(url);
  }
  const path = pathOf(store, limitsFile);
  if (path === undefined) {
    const { MemoryCounters } = await loadModule<typeof import("./memory.ts")>(
      "limits/counters/memory.ts",
    );
    return new MemoryCounters(now);
  }
  const { SqliteCounters } = await loadModule<typeof import("./sqlite.ts")>(
    "limits/counters/sqlite.ts",
  );
  return new SqliteCounters(path, now);
}

function pathOf(store: string | undefined, limitsFile: string | undefined): string | undefined {
  if (store === MEMORY) return undefined;
  if (store === undefined) return limitsFile?.replace(/(\.(ya?ml|json))?$/, ".sqlite");
  return isAbsolute(store) || limitsFile === undefined ? store : join(dirname(limitsFile), store);
}

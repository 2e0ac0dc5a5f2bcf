/**
 * A Redis-compatible server, for what several machines share. Every command fails at once while the server is away, and
 * none is ever sent a second time: what was late may have been done.
 *
 * ```ts
 * import { connectRedis } from "../redis/mod.ts";
 *
 * await using redis = await connectRedis("redis://127.0.0.1:6379");
 * await redis.set("greeting", new TextEncoder().encode("hello"), 1_000);
 * await redis.get("greeting"); // the bytes, for one second
 * ```
 *
 * @module
 */
export { connectRedis, type Redis, type RedisOptions } from "./redis.ts";

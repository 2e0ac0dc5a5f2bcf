/** The client of a Redis-compatible server, on a real one. */
import assert from "node:assert/strict";
import { UnavailableError, UsageError } from "../service/mod.ts";
import { connectRedis } from "./redis.ts";
import { redisMissing, startRedis } from "./testing/redis_server.ts";

const missing = await redisMissing();
const skipped = missing === "" ? "" : ` (skipped: ${missing})`;
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("connectRedis() refuses what is no Redis URL, and never says it", async () => {
  for (const url of ["localhost:6379", "http://:secret@host", "redis://", ""]) {
    await assert.rejects(
      connectRedis(url),
      (error) => error instanceof UsageError && !error.message.includes("secret"),
    );
  }
});

Deno.test("connectRedis() says where nobody answers, without the password", async () => {
  await assert.rejects(
    connectRedis("redis://me:secret@127.0.0.1:1"),
    (error) =>
      error instanceof UnavailableError && error.message.includes("127.0.0.1:1") &&
      !error.message.includes("secret"),
  );
});

Deno.test({
  name: `Redis: keys are set, added once, found by prefix, removed${skipped}`,
  ignore: missing !== "",
  async fn() {
    await using server = await startRedis();
    await using redis = await connectRedis(server.url);
    const value = Uint8Array.of(0, 255, 10, 13, 42);
    await redis.set("a:1", value, 60_000);
    await redis.set("a:2", bytes("two"), 60_000);
    await redis.set("ab", bytes("other"), 60_000);
    await redis.set("a*:3", bytes("star"), 60_000);
    assert.deepEqual(Uint8Array.from(await redis.get("a:1") ?? []), value);
    assert.equal(await redis.get("none"), undefined);
    assert.deepEqual((await redis.keys("a:")).toSorted(), ["a:1", "a:2"]);
    assert.deepEqual(await redis.keys("a*"), ["a*:3"]);
    assert.deepEqual([await redis.add("lock", "me", 60_000), await redis.add("lock", "you", 1)], [
      true,
      false,
    ]);
    assert.equal(await redis.remove("a:1", "a:2", "none"), 2);
    assert.deepEqual(await redis.run("return {1, ARGV[1], #KEYS}", ["k"], ["x"]), [1, "x", 1]);
  },
});

Deno.test({
  name:
    `Redis: a command fails at once while the server is away, and works when it is back${skipped}`,
  ignore: missing !== "",
  async fn() {
    await using server = await startRedis();
    await using redis = await connectRedis(server.url);
    await redis.set("a", bytes("1"), 60_000);
    await server.stop();
    await assert.rejects(redis.get("a"), UnavailableError);
    await assert.rejects(redis.get("a"), UnavailableError);
    await server.start();
    assert.equal(await redis.get("a"), undefined);
    await redis.set("a", bytes("2"), 60_000);
    assert.deepEqual(Uint8Array.from(await redis.get("a") ?? []), bytes("2"));
  },
});

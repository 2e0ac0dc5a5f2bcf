/** The contract of a store, held by each of them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { redisMissing, startRedis } from "../../redis/testing/redis_server.ts";
import { UnavailableError } from "../../service/mod.ts";
import { openRedisStore } from "./redis.ts";
import { openStore } from "./sqlite.ts";
import type { Store } from "./store.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (value: Uint8Array | undefined) => value && new TextDecoder().decode(value);
const HOUR = 3_600_000;

/** Adds a letter to a value. */
const with_ = (letter: string) => (value: Uint8Array | undefined) =>
  bytes((textOf(value) ?? "") + letter);

async function behaves(store: Store): Promise<void> {
  assert.equal(await store.get("a"), undefined);
  await store.put("a", bytes("1"), HOUR);
  await store.put("a", bytes("2"), HOUR);
  assert.equal(textOf((await store.get("a"))?.value), "2");
  await Promise.all([..."abcdefgh"].map((letter) => store.update("log", with_(letter), HOUR)));
  const log = textOf((await store.get("log"))?.value) ?? "";
  assert.equal([...log].toSorted().join(""), "abcdefgh");
  await store.put("list:a%2F", bytes("1"), HOUR);
  await store.put("list:b", bytes("1"), HOUR);
  assert.deepEqual([...await store.keys("list:")].toSorted(), ["list:a%2F", "list:b"]);
  assert.deepEqual(await store.keys("list:%"), []);
  assert.equal(await store.remove(["list:a%2F", "list:none"]), 1);
  assert.equal(await store.get("list:a%2F"), undefined);
  const unlock = await store.lock("one", HOUR);
  assert.ok(unlock);
  assert.equal(await store.lock("one", HOUR), undefined);
  await unlock();
  assert.ok(await store.lock("one", HOUR));
}

Deno.test("a store in memory behaves, and its values go with their time", async () => {
  let now = 1_000;
  await using store = openStore(":memory:", () => now);
  await behaves(store);
  await store.put("short", bytes("1"), 500);
  now += 499;
  assert.equal((await store.get("short"))?.writtenAt, 1_000);
  now += 1;
  assert.equal(await store.get("short"), undefined);
  assert.ok(await store.lock("lapsed", 10));
  now += 10;
  assert.ok(await store.lock("lapsed", 10));
});

Deno.test("a store in a file behaves, is there after a restart, and two processes share it", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/store.sqlite`;
  {
    await using one = openStore(path);
    await using other = openStore(path);
    if (Deno.build.os !== "windows") {
      for await (const { name } of Deno.readDir(folder)) {
        const { mode } = await Deno.stat(`${folder}/${name}`);
        assert.equal((mode ?? 0) & 0o077, 0, name);
      }
    }
    await behaves(one);
    assert.equal(textOf((await other.get("a"))?.value), "2");
    assert.equal(await other.lock("one", HOUR), undefined);
  }
  await using again = openStore(path);
  assert.equal(textOf((await again.get("a"))?.value), "2");
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the oldest values of a prefix go first, and no others", async () => {
  let now = 0;
  await using store = openStore(":memory:", () => ++now);
  for (let n = 0; n < 40; n++) await store.put(`cache:${n}`, new Uint8Array(100), HOUR);
  await store.put("context:1", new Uint8Array(10_000), HOUR);
  await store.trim("cache:", 2_000);
  const left = await store.keys("cache:");
  assert.ok(left.length <= 20 && left.includes("cache:39") && !left.includes("cache:0"));
  assert.ok(await store.get("context:1"));
});

const missing = await redisMissing();
const skipped = missing === "" ? "" : ` (skipped: ${missing})`;

Deno.test({
  name: `Redis: a store behaves, two processes share it, and an outage is said${skipped}`,
  ignore: missing !== "",
  async fn() {
    await using server = await startRedis();
    await using one = await openRedisStore(server.url);
    await using other = await openRedisStore(server.url);
    await behaves(one);
    assert.equal(await other.lock("one", HOUR), undefined);
    const both = [..."0123456789"].flatMap((letter) =>
      [one, other].map((store) => store.update("both", with_(letter), HOUR))
    );
    await Promise.all(both);
    assert.equal(textOf((await one.get("both"))?.value)?.length, 20);
    await server.stop();
    await assert.rejects(async () => await one.get("a"), UnavailableError);
    await assert.rejects(async () => await one.put("a", bytes("1"), HOUR), UnavailableError);
    await server.start();
    assert.equal(await one.get("a"), undefined);
  },
});

Deno.test("keys of any text are kept apart, and found by their own prefix alone", async () => {
  await using store = openStore(":memory:");
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 6 }),
      async (keys) => {
        for (const key of keys) await store.put(key, bytes(key), HOUR);
        for (const key of keys) {
          assert.equal(textOf((await store.get(key))?.value), textOf(bytes(key)));
          const found = await store.keys(key);
          assert.ok(found.includes(key) && found.every((one) => one.startsWith(key)));
        }
        await store.remove(keys);
        assert.deepEqual(await store.keys(""), []);
      },
    ),
    { numRuns: 200 },
  );
});

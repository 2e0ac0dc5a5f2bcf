import assert from "node:assert/strict";
import { redisMissing, startRedis } from "../../redis/testing/redis_server.ts";
import { MemoryCounters } from "./memory.ts";
import { connectRedisCounters } from "./redis.ts";
import { SqliteCounters } from "./sqlite.ts";
import type { CounterStore } from "./store.ts";

const SOON = Date.now() + 3_600_000;
const take = (counter: string, amount: number, max: number) => ({
  ...{ counter, amount, max, expiresAt: SOON },
});

/** Checks what every store of counters must do. */
async function behaves(counters: CounterStore): Promise<void> {
  assert.deepEqual(await counters.take([take("a", 1, 2), take("b", 0, 5)]), {
    granted: true,
    used: [1, 0],
  });
  await counters.add([{ counter: "b", amount: 7, expiresAt: SOON }]);
  // What one refuses, none counts.
  assert.deepEqual(await counters.take([take("a", 1, 2), take("b", 0, 5)]), {
    granted: false,
    used: [1, 7],
  });
  assert.deepEqual(await counters.take([take("a", 1, 2)]), { granted: true, used: [2] });
  assert.deepEqual(await counters.take([take("a", 1, 2)]), { granted: false, used: [2] });
  assert.deepEqual(await counters.take([]), { granted: true, used: [] });
}

Deno.test("counters in memory take all or nothing", async () => {
  await using counters = new MemoryCounters();
  await behaves(counters);
});

Deno.test("counters in a file take all or nothing", async () => {
  const folder = await Deno.makeTempDir();
  {
    await using counters = new SqliteCounters(`${folder}/counters.sqlite`);
    await behaves(counters);
  }
  await Deno.remove(folder, { recursive: true });
});

const missing = await redisMissing();

Deno.test({
  name: `Redis: counters take all or nothing, and two services share them${
    missing === "" ? "" : ` (skipped: ${missing})`
  }`,
  ignore: missing !== "",
  async fn() {
    await using server = await startRedis();
    await using one = await connectRedisCounters(server.url);
    await behaves(one);
    await using other = await connectRedisCounters(`${server.url}/0`);
    assert.deepEqual(await other.take([take("a", 0, 3)]), { granted: true, used: [2] });
    const together = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 ? one : other).take([take("c", 1, 7)])),
    );
    assert.equal(together.filter(({ granted }) => granted).length, 7);
  },
});

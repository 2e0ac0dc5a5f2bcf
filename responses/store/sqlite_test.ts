import assert from "node:assert/strict";
import { join } from "node:path";
import { UnavailableError, UsageError } from "../../service/mod.ts";
import { aConnector, aResponse, aVectorStore, aVectorStoreFile, T0 } from "../testing/objects.ts";
import { openTestStore, STORE_TESTS } from "../testing/store_suite.ts";
import type { Statement } from "./database.ts";
import { openSqlite } from "./sqlite.ts";

/** A new folder and a file in it. */
async function temporary() {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-store-" });
  return {
    path: join(folder, "sub", "store.db"),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

for (const { name, run } of STORE_TESTS) {
  Deno.test(`SQLite: ${name}`, async () => {
    await using file = await temporary();
    const clock = { now: T0 };
    await using store = await openTestStore(await openSqlite(file), clock);
    await run(store, clock);
  });
}

Deno.test("SQLite: one file is left when the store is closed, and holds everything", async () => {
  await using file = await temporary();
  const clock = { now: T0 };
  const connector = aConnector();
  {
    await using store = await openTestStore(await openSqlite(file), clock);
    await store.connectors.put("a", connector);
  }
  const names = await Array.fromAsync(Deno.readDir(join(file.path, "..")), ({ name }) => name);
  assert.deepEqual(names, ["store.db"]);
  await using store = await openTestStore(await openSqlite(file), clock);
  assert.deepEqual(await store.connectors.get("a", connector.connector_id), connector);
});

Deno.test("SQLite: what was running when the process ended is failed, or indexed again", async () => {
  await using file = await temporary();
  const clock = { now: T0 };
  const responses = Array.from({ length: 250 }, () => aResponse());
  const vectorStore = aVectorStore();
  const indexing = aVectorStoreFile({ vector_store_id: vectorStore.id });
  {
    await using store = await openTestStore(await openSqlite(file), clock);
    await Promise.all(
      responses.map((response) => store.responses.insert("a", { response, input: [] })),
    );
    await store.vectorStores.create("a", vectorStore);
    await store.vectorStores.putFiles("a", vectorStore.id, [indexing]);
  }
  await using store = await openTestStore(await openSqlite(file), clock);
  assert.equal(await store.recover(), responses.length);
  assert.equal(await store.recover(), 0);
  const read = await store.responses.get("a", responses[0]?.id ?? "");
  assert.equal(read?.response.status, "failed");
  assert.equal(read.response.error?.code, "server_error");
  assert.deepEqual(await store.vectorStores.interrupted(10), [{ tenant: "a", entry: indexing }]);
  assert.deepEqual(await store.vectorStores.interrupted(10), []);
});

Deno.test("SQLite: a transaction is all or nothing, whatever becomes of its neighbours", async () => {
  await using file = await temporary();
  await using database = await openSqlite(file);
  await database.transaction([{ sql: "CREATE TABLE t (a INTEGER PRIMARY KEY)" }]);
  const insert = (a: number): Statement => ({ sql: "INSERT INTO t VALUES ($1)", params: [a] });
  const touchesNone = { sql: "DELETE FROM t WHERE a = $1", params: [99], expect: 1 };
  const settled = await Promise.allSettled([
    database.transaction([insert(1)]),
    database.transaction([insert(2), insert(1)]),
    database.transaction([insert(3), touchesNone, insert(4)]),
    database.transaction([insert(5)]),
    database.transaction([{ sql: "no such statement" }]),
    database.transaction([insert(6)]),
  ]);
  assert.deepEqual(
    settled.map((one) => one.status === "fulfilled" ? one.value : one.reason.name),
    [true, "DatabaseError", false, true, "DatabaseError", true],
  );
  assert.deepEqual((await database.query("SELECT a FROM t ORDER BY a")).map(({ a }) => a), [
    1,
    5,
    6,
  ]);
  await assert.rejects(database.query("SELECT nothing"), { name: "DatabaseError" });
});

Deno.test("SQLite: the main thread goes on while a long transaction is written", async () => {
  await using file = await temporary();
  await using database = await openSqlite(file);
  await database.transaction([{ sql: "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)" }]);
  let written = false;
  const insert = { sql: "INSERT INTO t (b) VALUES ($1)", params: ["x".repeat(1000)] };
  const writing = database.transaction(Array.from({ length: 20_000 }, () => insert))
    .then(() => written = true);
  let turns = 0;
  // Each turn serves whatever waits: on this thread, 20,000 inserts would be a single one.
  for (; !written; turns++) await new Promise((resolve) => setTimeout(resolve, 0));
  await writing;
  assert.ok(turns > 1, `${turns} turns`);
});

Deno.test("SQLite: a file that another process has, or that is none, is named with what to do", async () => {
  await using file = await temporary();
  await using _first = await openSqlite(file);
  await assert.rejects(
    openSqlite({ ...file, busyMs: 1 }),
    (error: Error) => error instanceof UnavailableError && error.message.includes("PostgreSQL"),
  );
  await assert.rejects(openSqlite({ path: join(file.path, "x", "y.db") }), UnavailableError);
});

Deno.test("SQLite: the schema of a newer program is refused", async () => {
  await using file = await temporary();
  const clock = { now: T0 };
  {
    await using _store = await openTestStore(await openSqlite(file), clock);
  }
  {
    await using database = await openSqlite(file);
    await database.transaction([{ sql: "INSERT INTO schema_version (version) VALUES (1000)" }]);
  }
  await assert.rejects(
    openSqlite(file).then((database) => openTestStore(database, clock)),
    (error: Error) => error instanceof UsageError && error.message.includes("version 1000"),
  );
});

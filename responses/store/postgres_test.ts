import assert from "node:assert/strict";
import { UnavailableError } from "../../service/mod.ts";
import {
  aConversation,
  anItem,
  aPrompt,
  aResponse,
  aVectorStore,
  aVectorStoreFile,
  T0,
} from "../testing/objects.ts";
import { findPostgres, type PostgresServer, startPostgres } from "../testing/postgres_server.ts";
import { openTestStore, STORE_TESTS, type TestClock } from "../testing/store_suite.ts";
import { openPostgres } from "./postgres.ts";
import { LEASE_S } from "./sql_store.ts";

const programs = await findPostgres();
const skipped = "reason" in programs ? ` (skipped: ${programs.reason})` : "";

let server: PostgresServer | undefined;
let schemas = 0;

/** The URL of a new schema. The server is started by the first test and ends with the last. */
async function newSchema(): Promise<string> {
  if ("reason" in programs) throw new Error(programs.reason);
  server ??= await startPostgres(programs);
  return await server.createSchema(`test_${++schemas}`);
}

Deno.test.afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
});

function test(name: string, run: () => Promise<void>): void {
  Deno.test({
    name: `PostgreSQL: ${name}${skipped}`,
    ignore: skipped !== "",
    fn: run,
    // The server that the first test starts lives on.
    sanitizeOps: false,
    sanitizeResources: false,
  });
}

async function openAt(url: string, clock: TestClock) {
  return await openTestStore(await openPostgres({ url }), clock);
}

for (const { name, run } of STORE_TESTS) {
  test(name, async () => {
    const clock = { now: T0 };
    await using store = await openAt(await newSchema(), clock);
    await run(store, clock);
  });
}

test("processes that start at once on an empty database bring the schema up to date together", async () => {
  const url = await newSchema();
  const clock = { now: T0 };
  const stores = await Promise.all(Array.from({ length: 4 }, () => openAt(url, clock)));
  const conversation = aConversation();
  await stores[0]?.conversations.create("a", conversation);
  for (const store of stores) {
    assert.deepEqual(await store.conversations.get("a", conversation.id), conversation);
    await store[Symbol.asyncDispose]();
  }
});

test("two processes: what one writes the other reads, and of two changes one wins", async () => {
  const url = await newSchema();
  const clock = { now: T0 };
  await using left = await openAt(url, clock);
  await using right = await openAt(url, clock);
  const prompt = aPrompt();
  await left.prompts.create("a", prompt);
  for (let version = 2; version <= 10; version++) {
    const added = await Promise.all(
      [left, right].map((store) => store.prompts.addVersion("a", { ...prompt, version })),
    );
    assert.deepEqual(added.toSorted(), [false, true]);
  }
  const conversation = aConversation();
  const response = aResponse({ conversation: conversation.id });
  await left.responses.insert("a", { response, input: [], conversation });
  assert.equal(await right.responses.update("a", { ...response, status: "cancelled" }), true);
  assert.equal(await left.finish("a", { ...response, status: "completed" }, [anItem("x")]), false);
  assert.deepEqual(await left.conversations.history("a", conversation.id), []);
});

test("two processes: what both append at once to a conversation stays together", async () => {
  const url = await newSchema();
  const clock = { now: T0 };
  await using left = await openAt(url, clock);
  await using right = await openAt(url, clock);
  const conversation = aConversation();
  await left.conversations.create("a", conversation);
  const batches = Array.from({ length: 20 }, (_, batch) => [1, 2, 3].map(() => anItem(`${batch}`)));
  await Promise.all(
    batches.map((items, index) =>
      (index % 2 ? left : right).conversations.append("a", conversation.id, items)
    ),
  );
  const history = await left.conversations.history("a", conversation.id) ?? [];
  assert.equal(history.length, 60);
  for (let at = 0; at < history.length; at += 3) {
    assert.equal(new Set(history.slice(at, at + 3).map(({ content }) => content)).size, 1);
  }
});

test("two processes: only what a process left whose lease ran out is given up", async () => {
  const url = await newSchema();
  const clock = { now: T0 };
  const clockOfDead = { now: T0 };
  await using living = await openAt(url, clock);
  const dead = await openAt(url, clockOfDead);
  const vectorStore = aVectorStore();
  const indexing = aVectorStoreFile({ vector_store_id: vectorStore.id });
  await dead.vectorStores.create("a", vectorStore);
  await dead.vectorStores.putFiles("a", vectorStore.id, [indexing]);
  const theirs = aResponse();
  await dead.responses.insert("a", { response: theirs, input: [] });
  const ours = aResponse();
  await living.responses.insert("a", { response: ours, input: [] });

  clock.now += LEASE_S - 1;
  assert.equal(await living.recover(), 0);
  assert.deepEqual(await living.vectorStores.interrupted(10), []);
  clockOfDead.now += LEASE_S - 1;
  await dead.renew();
  clock.now += LEASE_S - 1;
  assert.equal(await living.recover(), 0);
  clock.now += 1;
  assert.equal(await living.recover(), 1);
  assert.equal((await living.responses.get("a", theirs.id))?.response.status, "failed");
  assert.equal((await living.responses.get("a", ours.id))?.response.status, "in_progress");
  assert.deepEqual(await living.vectorStores.interrupted(10), [{ tenant: "a", entry: indexing }]);
  // It was only slow: it is told to stop.
  assert.equal(await dead.finish("a", { ...theirs, status: "completed" }, []), false);
  await dead[Symbol.asyncDispose]();
});

test("connections that the server ended are made anew, and nothing fails", async () => {
  const url = await newSchema();
  const clock = { now: T0 };
  await using store = await openAt(url, clock);
  await using other = await openPostgres({ url });
  const conversations = Array.from({ length: 20 }, () => aConversation());
  const writeAll = () =>
    Promise.all(conversations.map((one) => store.conversations.update("a", one)));
  await Promise.all(conversations.map((one) => store.conversations.create("a", one)));
  // Waits until they have ended: none may die in the middle of a commit.
  await other.query(
    `SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );
  assert.deepEqual(new Set(await writeAll()), new Set([true]));
  const page = await store.conversations.list("a", { limit: 50, order: "asc" });
  assert.equal(page.data.length, conversations.length);
});

test("a database that cannot be reached is named, without its password", async () => {
  await assert.rejects(
    openPostgres({ url: "postgres://user:secret@127.0.0.1:1/store" }),
    (error: Error) =>
      error instanceof UnavailableError && error.message.includes("127.0.0.1:1/store") &&
      !error.message.includes("secret"),
  );
});

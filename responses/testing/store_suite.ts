/** What every database behind `Store` must do: one set of tests, run on each. */
import assert from "node:assert/strict";
import type { Item } from "../api/objects.ts";
import type { Page, PageQuery } from "../api/page.ts";
import type { Database } from "../store/database.ts";
import { openStore, type SqlStore } from "../store/sql_store.ts";
import {
  aBatch,
  aConnector,
  aConversation,
  aFile,
  anItem,
  aPrompt,
  aResponse,
  aVectorStore,
  aVectorStoreFile,
  T0,
} from "./objects.ts";

/** A clock that only moves when it is told to. */
export interface TestClock {
  now: number;
}

/** One test: a new, empty store; `another` opens a second process's view of it where the database can have that. */
export interface StoreTest {
  readonly name: string;
  readonly run: (store: SqlStore, clock: TestClock) => Promise<void>;
}

const NEWEST: PageQuery = { limit: 50, order: "desc" };
const OLDEST: PageQuery = { limit: 50, order: "asc" };

/** Opens a store whose clock is the test's. */
export async function openTestStore(database: Database, clock: TestClock): Promise<SqlStore> {
  return await openStore(database, {
    now: () => clock.now,
    onError: (error) => {
      throw error;
    },
  });
}

function idsOf(page: Page<{ readonly id?: string }> | undefined): (string | undefined)[] {
  assert.ok(page !== undefined);
  return page.data.map(({ id }) => id);
}

export const STORE_TESTS: readonly StoreTest[] = [
  {
    name: "a response is read back as it was written, input included, until it is deleted",
    async run({ responses }) {
      const response = aResponse({ metadata: { k: "é\u0000\ud800" }, temperature: 0.25 });
      const input = [anItem("one"), anItem("two"), anItem("three")];
      await responses.insert("a", { response, input });
      assert.deepEqual(await responses.get("a", response.id), { response, input });
      const page = await responses.inputItems("a", response.id, { limit: 2, order: "asc" });
      assert.deepEqual(page, { data: input.slice(0, 2), hasMore: true });
      assert.equal(await responses.delete("a", response.id), true);
      assert.equal(await responses.delete("a", response.id), false);
      assert.equal(await responses.get("a", response.id), undefined);
      assert.equal(await responses.inputItems("a", response.id, OLDEST), undefined);
    },
  },
  {
    name: "a response that has ended is not changed any more",
    async run({ responses, finish }) {
      const response = aResponse();
      await responses.insert("a", { response, input: [] });
      const output: Item[] = [{ type: "message", id: "msg_1" }];
      assert.equal(await responses.update("a", { ...response, output }), true);
      assert.equal(await responses.update("a", { ...response, status: "cancelled" }), true);
      assert.equal(await responses.update("a", { ...response, output: [] }), false);
      assert.equal(await finish("a", { ...response, status: "completed" }, []), false);
      assert.equal((await responses.get("a", response.id))?.response.status, "cancelled");
    },
  },
  {
    name: "finish() writes the response and its conversation's items, or nothing",
    async run({ responses, conversations, finish }) {
      const conversation = aConversation();
      const response = aResponse({ conversation: conversation.id });
      await responses.insert("a", { response, input: [], conversation });
      const items = [anItem("hello"), anItem("hi", { role: "assistant" })];
      const completed = { ...response, status: "completed" as const };
      assert.equal(await finish("b", completed, items), false);
      assert.equal(await finish("a", completed, items), true);
      assert.equal(await finish("a", completed, [anItem("twice")]), false);
      assert.deepEqual(await conversations.history("a", conversation.id), items);
      assert.deepEqual((await responses.get("a", response.id))?.response, completed);
    },
  },
  {
    name: "finish() does without a conversation that was deleted meanwhile",
    async run({ responses, conversations, finish }) {
      const conversation = aConversation();
      const response = aResponse({ conversation: conversation.id });
      await responses.insert("a", { response, input: [], conversation });
      assert.equal(await conversations.delete("a", conversation.id), true);
      assert.equal(await finish("a", { ...response, status: "completed" }, [anItem("x")]), true);
      assert.equal(await conversations.history("a", conversation.id), undefined);
    },
  },
  {
    name: "responses are listed by model, newest first",
    async run({ responses }) {
      const made = ["m", "n", "m"].map((model) => aResponse({ model, status: "completed" }));
      for (const response of made) await responses.insert("a", { response, input: [] });
      const [first, second, third] = made.map(({ id }) => id);
      assert.deepEqual(idsOf(await responses.list("a", NEWEST)), [third, second, first]);
      assert.deepEqual(idsOf(await responses.list("a", NEWEST, { model: "m" })), [third, first]);
      assert.deepEqual(idsOf(await responses.list("b", NEWEST)), []);
    },
  },
  {
    name: "pages follow each other in both directions without gap or repeat",
    async run({ conversations }) {
      const ids: string[] = [];
      for (let i = 0; i < 7; i++) {
        const conversation = aConversation();
        ids.push(conversation.id);
        await conversations.create("a", conversation);
      }
      const newest = ids.toReversed();
      const page = (query: Partial<PageQuery>) =>
        conversations.list("a", { limit: 3, order: "desc", ...query });
      const read = async (query: Partial<PageQuery>) => {
        const { data, hasMore } = await page(query);
        return [data.map(({ id }) => newest.indexOf(id)), hasMore];
      };
      const at = (index: number) => newest[index] ?? "";
      assert.deepEqual(await read({}), [[0, 1, 2], true]);
      assert.deepEqual(await read({ after: at(2) }), [[3, 4, 5], true]);
      assert.deepEqual(await read({ after: at(5) }), [[6], false]);
      assert.deepEqual(await read({ after: at(6) }), [[], false]);
      assert.deepEqual(await read({ before: at(6) }), [[3, 4, 5], true]);
      assert.deepEqual(await read({ before: at(3) }), [[0, 1, 2], false]);
      assert.deepEqual(await read({ before: at(2) }), [[0, 1], false]);
      assert.deepEqual(await read({ after: at(0), before: at(6) }), [[1, 2, 3], true]);
      assert.deepEqual(await read({ order: "asc" }), [[6, 5, 4], true]);
      assert.deepEqual(await read({ order: "asc", after: at(4) }), [[3, 2, 1], true]);
      assert.deepEqual(await read({ order: "asc", before: at(0) }), [[3, 2, 1], true]);
      assert.deepEqual(await read({ after: "conv_unknown" }), [[], false]);
    },
  },
  {
    name: "a cursor works on after its object was deleted, and not for another tenant",
    async run({ conversations, tidy }, clock) {
      const made = Array.from({ length: 4 }, () => aConversation());
      for (const one of made) await conversations.create("a", one);
      const [first, second, third] = made.map(({ id }) => id);
      assert.ok(third !== undefined);
      await conversations.delete("a", third);
      const next = { ...NEWEST, after: third };
      assert.deepEqual(idsOf(await conversations.list("a", next)), [second, first]);
      await conversations.create("b", aConversation());
      assert.deepEqual(idsOf(await conversations.list("b", next)), []);
      clock.now += 86_400;
      await tidy();
      assert.deepEqual(idsOf(await conversations.list("a", next)), []);
    },
  },
  {
    name: "a conversation's items keep their order; one that is sent again keeps its place",
    async run({ conversations }) {
      const conversation = aConversation({ metadata: { topic: "x" } });
      const items = Array.from({ length: 5 }, (_, index) => anItem(`${index}`));
      await conversations.create("a", conversation, items.slice(0, 2));
      assert.deepEqual(await conversations.get("a", conversation.id), conversation);
      assert.equal(await conversations.append("a", conversation.id, items), true);
      assert.deepEqual(await conversations.history("a", conversation.id), items);
      assert.deepEqual(
        idsOf(await conversations.items("a", conversation.id, { limit: 2, order: "desc" })),
        [items[4]?.id, items[3]?.id],
      );
      const third = items[2]?.id ?? "";
      assert.deepEqual(await conversations.getItem("a", conversation.id, third), items[2]);
      assert.equal(await conversations.deleteItem("a", conversation.id, third), true);
      assert.equal(await conversations.deleteItem("a", conversation.id, third), false);
      assert.equal(await conversations.getItem("a", conversation.id, third), undefined);
      const changed = { ...conversation, metadata: null };
      assert.equal(await conversations.update("a", changed), true);
      assert.deepEqual(await conversations.get("a", conversation.id), changed);
    },
  },
  {
    name: "an unknown conversation has no items and takes none",
    async run({ conversations }) {
      assert.equal(await conversations.append("a", "conv_x", [anItem("x")]), false);
      assert.equal(await conversations.append("a", "conv_x", []), false);
      assert.equal(await conversations.items("a", "conv_x", NEWEST), undefined);
      assert.equal(await conversations.update("a", aConversation()), false);
      const empty = aConversation();
      await conversations.create("a", empty);
      assert.deepEqual(await conversations.items("a", empty.id, NEWEST), {
        data: [],
        hasMore: false,
      });
      assert.deepEqual(await conversations.history("a", empty.id), []);
    },
  },
  {
    name: "of two who add the same version of a prompt one succeeds",
    async run({ prompts }) {
      const prompt = aPrompt();
      await prompts.create("a", prompt);
      const added = await Promise.all(
        ["left", "right"].map((template) =>
          prompts.addVersion("a", { ...prompt, version: 2, template })
        ),
      );
      assert.deepEqual(added.toSorted(), [false, true]);
      assert.equal(await prompts.addVersion("a", { ...prompt, version: 4 }), false);
      assert.deepEqual((await prompts.versions("a", prompt.id)).map((one) => one.version), [1, 2]);
    },
  },
  {
    name: "exactly one version of a prompt is the default",
    async run({ prompts }) {
      const prompt = aPrompt();
      await prompts.create("a", prompt);
      await prompts.addVersion("a", { ...prompt, version: 2 });
      await prompts.addVersion("a", { ...prompt, version: 3, is_default: false });
      const defaults = async () =>
        (await prompts.versions("a", prompt.id)).map(({ is_default }) => is_default);
      assert.deepEqual(await defaults(), [false, true, false]);
      assert.equal(await prompts.setDefault("a", prompt.id, 4), false);
      assert.equal(await prompts.setDefault("a", prompt.id, 0), false);
      assert.equal(await prompts.setDefault("a", prompt.id, 3), true);
      assert.deepEqual(await defaults(), [false, false, true]);
      assert.equal((await prompts.get("a", prompt.id))?.version, 3);
      assert.equal((await prompts.get("a", prompt.id, 1))?.is_default, false);
      assert.equal(await prompts.get("a", prompt.id, 4), undefined);
      const { data } = await prompts.list("a", NEWEST);
      assert.deepEqual(data.map(({ version, is_default }) => [version, is_default]), [[3, true]]);
      assert.equal(await prompts.delete("a", prompt.id), true);
      assert.deepEqual(await prompts.versions("a", prompt.id), []);
      assert.equal(await prompts.get("a", prompt.id, 1), undefined);
    },
  },
  {
    name: "a connector that is put again is replaced, and each tenant has its own",
    async run({ connectors }) {
      const connector = aConnector({ connector_id: "search" });
      await connectors.put("a", connector);
      await connectors.put("a", aConnector());
      const again = { ...connector, url: "http://127.0.0.1:2/mcp" };
      await connectors.put("a", again);
      assert.equal(await connectors.get("b", "search"), undefined);
      await connectors.put("b", connector);
      assert.deepEqual(await connectors.get("a", "search"), again);
      assert.deepEqual(await connectors.get("b", "search"), connector);
      const { data } = await connectors.list("a", NEWEST);
      assert.deepEqual([data.length, data[0]?.connector_id], [2, "search"]);
      assert.equal(await connectors.delete("b", "search"), true);
      assert.equal(await connectors.delete("b", "search"), false);
      assert.deepEqual(await connectors.get("a", "search"), again);
    },
  },
  {
    name: "bytes that no file names are garbage: given up before, and deleted after",
    async run({ files }, clock) {
      const file = aFile();
      await files.reserve("one", clock.now + 60);
      await files.reserve("two", clock.now + 60);
      assert.equal(await files.create("a", { file, blob: "one" }), true);
      assert.deepEqual(await files.garbage(clock.now, 10), []);
      clock.now += 60;
      assert.deepEqual(await files.garbage(clock.now, 10), ["two"]);
      assert.equal(await files.create("a", { file: aFile(), blob: "two" }), false);
      assert.deepEqual(await files.get("a", file.id), { file, blob: "one" });
      assert.equal(await files.delete("b", file.id), false);
      assert.equal(await files.delete("a", file.id), true);
      assert.equal(await files.delete("a", file.id), false);
      await files.forget("two");
      assert.deepEqual(await files.garbage(clock.now, 10), ["one"]);
    },
  },
  {
    name: "files are listed by purpose and found when they expire",
    async run({ files }, clock) {
      const made = [
        aFile({ purpose: "batch", expires_at: T0 + 10 }),
        aFile({ expires_at: T0 + 20 }),
        aFile(),
      ];
      for (const [index, file] of made.entries()) {
        await files.reserve(`${index}`, clock.now + 60);
        await files.create("a", { file, blob: `${index}` });
      }
      assert.deepEqual(idsOf(await files.list("a", NEWEST, { purpose: "batch" })), [made[0]?.id]);
      assert.equal((await files.list("a", NEWEST)).data.length, 3);
      assert.deepEqual(await files.expired(T0 + 9, 10), []);
      assert.deepEqual(await files.expired(T0 + 20, 10), [
        { tenant: "a", entry: made[0] },
        { tenant: "a", entry: made[1] },
      ]);
    },
  },
  {
    name: "a vector store's counts, bytes and status follow from its files",
    async run({ vectorStores }) {
      const store = aVectorStore();
      await vectorStores.create("a", store);
      const made = Array.from({ length: 3 }, () => aVectorStoreFile({ vector_store_id: store.id }));
      const [first, second, third] = made;
      assert.ok(first && second && third);
      assert.equal(await vectorStores.putFiles("a", store.id, made), true);
      assert.equal(await vectorStores.putFiles("b", store.id, made), false);
      assert.equal((await vectorStores.get("a", store.id))?.status, "in_progress");
      const done = { ...first, status: "completed" as const, usage_bytes: 7 };
      assert.equal(await vectorStores.finishFile("a", store.id, done), true);
      assert.equal(
        await vectorStores.finishFile("a", store.id, { ...second, status: "failed" }),
        true,
      );
      assert.equal(await vectorStores.deleteFile("a", store.id, third.id), true);
      const read = await vectorStores.get("a", store.id);
      assert.deepEqual(read?.file_counts, {
        in_progress: 0,
        completed: 1,
        failed: 1,
        cancelled: 0,
        total: 2,
      });
      assert.deepEqual([read?.usage_bytes, read?.status], [7, "completed"]);
      const completed = { status: "completed" as const };
      assert.deepEqual(
        idsOf(await vectorStores.listFiles("a", store.id, NEWEST, completed)),
        [first.id],
      );
      assert.deepEqual(await vectorStores.getFile("a", store.id, first.id), done);
      assert.equal(await vectorStores.listFiles("a", "vs_x", NEWEST), undefined);
      assert.equal(await vectorStores.listFiles("b", store.id, NEWEST), undefined);
    },
  },
  {
    name: "chunks come back in order, and go with their file",
    async run({ vectorStores, files }, clock) {
      const store = aVectorStore();
      await vectorStores.create("a", store);
      const file = aVectorStoreFile({ vector_store_id: store.id });
      await vectorStores.putFiles("a", store.id, [file]);
      const chunks = Array.from({ length: 2100 }, (_, index) => ({
        index,
        start: 7 * index,
        text: `chunk ${index}`,
        embedding: Int16Array.of(index, -1, 32767),
      }));
      const done = { ...file, status: "completed" as const };
      const before = await vectorStores.revision("a", store.id) ?? 0;
      assert.deepEqual(await vectorStores.indexedFiles("a", store.id), []);
      const indexed = { chunks, embedder: "m" };
      assert.equal(await vectorStores.finishFile("a", store.id, done, indexed), true);
      const revision = await vectorStores.revision("a", store.id) ?? 0;
      assert.ok(revision > before);
      const { id: fileId } = file;
      assert.deepEqual(await vectorStores.indexedFiles("a", store.id), [
        { fileId, revision, attributes: {}, embedder: "m" },
      ]);
      assert.deepEqual(await vectorStores.fileChunks("a", store.id, fileId, 0, 5000), chunks);
      const some = await vectorStores.fileChunks("a", store.id, fileId, 1000, 2);
      assert.deepEqual(some, chunks.slice(1000, 1002));
      const named = [2099, 9999, 3].map((index) => ({ storeId: store.id, fileId, index }));
      const texts = ["chunk 2099", undefined, "chunk 3"];
      assert.deepEqual(await vectorStores.chunkTexts("a", named), texts);
      assert.deepEqual(await vectorStores.chunkTexts("b", named), [
        undefined,
        undefined,
        undefined,
      ]);
      assert.deepEqual(await vectorStores.fileChunks("b", store.id, fileId, 0, 10), []);
      assert.deepEqual(await vectorStores.indexedFiles("b", store.id), []);
      await files.reserve("blob", clock.now + 60);
      await files.create("a", { file: aFile({ id: file.id }), blob: "blob" });
      await files.delete("a", file.id);
      assert.deepEqual(await vectorStores.fileChunks("a", store.id, file.id, 0, 10), []);
      assert.equal(await vectorStores.getFile("a", store.id, file.id), undefined);
    },
  },
  {
    name: "the vector stores that were used last come first, of all tenants, without empty ones",
    async run({ vectorStores }, clock) {
      const stores = Array.from({ length: 3 }, () => aVectorStore());
      const [first, second, empty] = stores;
      assert.ok(first && second && empty);
      await vectorStores.create("a", first);
      await vectorStores.create("b", second);
      await vectorStores.create("a", empty);
      await vectorStores.putFiles("a", first.id, [aVectorStoreFile()]);
      await vectorStores.putFiles("b", second.id, [aVectorStoreFile()]);
      const recent = async (limit: number) =>
        (await vectorStores.recent(limit)).map(({ tenant, entry }) => [tenant, entry.id]);
      assert.deepEqual(await recent(9), [["b", second.id], ["a", first.id]]);
      clock.now += 10;
      await vectorStores.touch("a", first.id);
      assert.deepEqual(await recent(9), [["a", first.id], ["b", second.id]]);
      assert.deepEqual(await recent(1), [["a", first.id]]);
    },
  },
  {
    name: "attributes that change while a file is indexed stay changed, and are another revision",
    async run({ vectorStores }) {
      const store = aVectorStore();
      await vectorStores.create("a", store);
      const file = aVectorStoreFile({ attributes: { n: 1 } });
      await vectorStores.putFiles("a", store.id, [file]);
      assert.deepEqual((await vectorStores.getFile("a", store.id, file.id))?.attributes, { n: 1 });
      assert.equal(await vectorStores.setAttributes("a", store.id, file.id, { n: 2 }), true);
      assert.equal(await vectorStores.setAttributes("b", store.id, file.id, { n: 3 }), false);
      assert.equal(await vectorStores.setAttributes("a", store.id, "file_x", { n: 3 }), false);
      const before = await vectorStores.revision("a", store.id) ?? 0;
      const indexed = { chunks: [], embedder: "m" };
      await vectorStores.finishFile("a", store.id, { ...file, status: "completed" }, indexed);
      const [row] = await vectorStores.indexedFiles("a", store.id);
      assert.deepEqual(row?.attributes, { n: 2 });
      await vectorStores.setAttributes("a", store.id, file.id, null);
      const [changed] = await vectorStores.indexedFiles("a", store.id);
      assert.deepEqual(changed, { ...row, attributes: {} });
      assert.ok((await vectorStores.revision("a", store.id) ?? 0) > before + 1);
    },
  },
  {
    name: "a cancelled batch cancels what is not indexed yet, and its total stays",
    async run({ vectorStores }) {
      const store = aVectorStore();
      await vectorStores.create("a", store);
      const files = Array.from({ length: 3 }, () => aVectorStoreFile());
      const [first, second] = files;
      assert.ok(first && second);
      const batch = aBatch({ vector_store_id: store.id });
      assert.equal(await vectorStores.putFiles("a", store.id, files, batch), true);
      await vectorStores.finishFile("a", store.id, { ...first, status: "completed" });
      assert.equal((await vectorStores.getBatch("a", store.id, batch.id))?.status, "in_progress");
      assert.equal(await vectorStores.cancelBatch("b", store.id, batch.id), false);
      assert.equal(await vectorStores.cancelBatch("a", store.id, batch.id), true);
      const late = { ...second, status: "completed" as const };
      assert.equal(await vectorStores.finishFile("a", store.id, late), false);
      const read = await vectorStores.getBatch("a", store.id, batch.id);
      assert.equal(read?.status, "cancelled");
      assert.deepEqual(read.file_counts, {
        in_progress: 0,
        completed: 1,
        failed: 0,
        cancelled: 2,
        total: 3,
      });
      const listed = await vectorStores.listFiles("a", store.id, OLDEST, { batchId: batch.id });
      assert.deepEqual(idsOf(listed), files.map(({ id }) => id));
      assert.equal(await vectorStores.getBatch("b", store.id, batch.id), undefined);
    },
  },
  {
    name: "a vector store that expires keeps its files and loses its chunks",
    async run({ vectorStores }, clock) {
      const expires_after = { anchor: "last_active_at" as const, days: 2 };
      const store = aVectorStore({ expires_after });
      await vectorStores.create("a", store);
      await vectorStores.create("a", aVectorStore());
      const file = aVectorStoreFile();
      await vectorStores.putFiles("a", store.id, [file]);
      const chunks = [{ index: 0, start: 0, text: "x", embedding: Int16Array.of(1) }];
      const done = { ...file, status: "completed" as const };
      await vectorStores.finishFile("a", store.id, done, { chunks, embedder: "m" });
      const due = T0 + 2 * 86_400;
      assert.equal((await vectorStores.get("a", store.id))?.expires_at, due);
      assert.deepEqual(await vectorStores.expired(due - 1, 10), []);
      const found = await vectorStores.expired(due, 10);
      assert.deepEqual(found.map(({ tenant, entry }) => [tenant, entry.id]), [["a", store.id]]);
      clock.now = T0 + 60;
      assert.equal(await vectorStores.touch("a", store.id), true);
      assert.equal(await vectorStores.touch("b", store.id), false);
      clock.now = due;
      assert.equal(await vectorStores.expire("a", store.id), false);
      const used = await vectorStores.get("a", store.id);
      assert.deepEqual([used?.last_active_at, used?.expires_at], [T0 + 60, due + 60]);
      clock.now = due + 60;
      assert.equal(await vectorStores.expire("a", store.id), true);
      assert.equal(await vectorStores.expire("a", store.id), false);
      assert.equal(await vectorStores.touch("a", store.id), false);
      assert.deepEqual(await vectorStores.expired(due + 60, 10), []);
      const read = await vectorStores.get("a", store.id);
      assert.deepEqual([read?.status, read?.file_counts.completed], ["expired", 1]);
      assert.deepEqual(await vectorStores.fileChunks("a", store.id, file.id, 0, 10), []);
      assert.equal(await vectorStores.update("a", { ...store, name: "renamed" }), true);
      assert.deepEqual((await vectorStores.list("a", NEWEST)).data.map(({ name }) => name), [
        "docs",
        "renamed",
      ]);
      assert.equal((await vectorStores.get("a", store.id))?.expires_at, due + 60);
      const forever = { ...store, expires_after: null };
      assert.equal(await vectorStores.update("a", forever), true);
      assert.equal((await vectorStores.get("a", store.id))?.expires_at, null);
      assert.equal(await vectorStores.delete("a", store.id), true);
      assert.equal(await vectorStores.get("a", store.id), undefined);
    },
  },
  {
    name: "recover() leaves alone what this process works on",
    async run({ responses, recover, tidy }, clock) {
      const response = aResponse({ status: "queued" });
      await responses.insert("a", { response, input: [] });
      clock.now += 3600;
      assert.equal(await recover(), 0);
      await tidy();
      assert.equal(await recover(), 0);
      assert.equal((await responses.get("a", response.id))?.response.status, "queued");
    },
  },
];

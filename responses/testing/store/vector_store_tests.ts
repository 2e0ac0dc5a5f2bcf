/** Tests of a store with vector stores, their files, batches and chunks. */
import assert from "node:assert/strict";
import { aBatch, aFile, aVectorStore, aVectorStoreFile, T0 } from "../objects.ts";
import { idsOf, NEWEST, OLDEST, type StoreTest } from "./harness.ts";

export const VECTOR_STORE_TESTS: readonly StoreTest[] = [
  {
    name: "a vector store is made with its first files, or not at all",
    async run({ vectorStores }) {
      const store = aVectorStore();
      const file = aVectorStoreFile({ vector_store_id: store.id });
      await vectorStores.create("a", store, [file]);
      assert.deepEqual(await vectorStores.getFile("a", store.id, file.id), file);
      assert.equal((await vectorStores.get("a", store.id))?.status, "in_progress");
      // Two such keys cannot be: the whole of it is undone.
      const other = aVectorStoreFile({ vector_store_id: store.id });
      await assert.rejects(vectorStores.create("a", store, [other]));
      assert.equal(await vectorStores.getFile("a", store.id, other.id), undefined);
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
];

import assert from "node:assert/strict";
import { join } from "node:path";
import type { FileObject, VectorStoreFile } from "../api/objects.ts";
import { openSqlite } from "../store/sqlite.ts";
import { aBatch, aFile, aVectorStore, aVectorStoreFile, T0 } from "../testing/objects.ts";
import { openTestStore } from "../testing/store_suite.ts";
import type { EmbeddingBackend } from "./embedder.ts";
import { hashedEmbedding } from "./hashed_embedding.ts";
import { type Search, type SearchOptions, startSearch } from "./search.ts";

const TENANT = "t";

/** Texts as blobs, without a disk. */
class Texts {
  readonly texts = new Map<string, string>();
  get = (key: string): Promise<ReadableStream<Uint8Array> | undefined> => {
    const text = this.texts.get(key);
    return Promise.resolve(text === undefined ? undefined : new Blob([text]).stream());
  };
}

/** A model server whose embeddings can be held up, or fail. */
class Model implements EmbeddingBackend {
  models = ["embedding-model"];
  answer: (texts: readonly string[]) => Promise<Float32Array[]> = (texts) =>
    Promise.resolve(texts.map((text) => hashedEmbedding(text, 32)));
  embed = (_: string, texts: readonly string[], signal?: AbortSignal) => {
    const left = Promise.withResolvers<never>();
    signal?.addEventListener("abort", () => left.reject(signal.reason));
    return Promise.race([this.answer(texts), left.promise]);
  };
  state = () => Promise.resolve({ reachable: true, models: this.models });
}

async function lab() {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "llmgate-search-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const clock = { now: T0 };
  const path = join(folder, "s.db");
  const open = async () => await openTestStore(await openSqlite({ path }), clock);
  let store = await open();
  stack.defer(() => store[Symbol.asyncDispose]());
  const blobs = new Texts();
  const model = new Model();
  const errors: unknown[] = [];
  const vectorStore = aVectorStore();
  await store.vectorStores.create(TENANT, vectorStore);
  const owned = stack.move();
  return {
    get store() {
      return store;
    },
    /** Another process on the same file. */
    async reopen() {
      await store[Symbol.asyncDispose]();
      store = await open();
    },
    clock,
    model,
    errors,
    storeId: vectorStore.id,
    start: (more: Partial<SearchOptions> = {}): Promise<Search> =>
      startSearch({
        store,
        blobs,
        backend: model,
        now: () => clock.now,
        onError: (error) => errors.push(error),
        ...more,
      }),
    async upload(filename: string, text: string): Promise<FileObject> {
      const file = aFile({ filename });
      await store.files.reserve(file.id, clock.now + 60);
      await store.files.create(TENANT, { file, blob: file.id });
      blobs.texts.set(file.id, text);
      return file;
    },
    async put(...files: FileObject[]): Promise<VectorStoreFile[]> {
      const made = files.map(({ id }) => aVectorStoreFile({ id, vector_store_id: vectorStore.id }));
      await store.vectorStores.putFiles(TENANT, vectorStore.id, made);
      return made;
    },
    async statuses(): Promise<Record<string, number>> {
      const { file_counts } = await store.vectorStores.get(TENANT, vectorStore.id) ?? {};
      return { ...file_counts };
    },
    fileOf: (id: string) => store.vectorStores.getFile(TENANT, vectorStore.id, id),
    find: (search: Search, query: string, more = {}) =>
      search.search(TENANT, {
        vectorStoreIds: [vectorStore.id],
        query: [query],
        maxResults: 10,
        ...more,
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

Deno.test("files are indexed in the background by the model's embeddings, and found with their names", async () => {
  await using test = await lab();
  await using search = await test.start();
  const fox = await test.upload("fox.txt", "The quick brown fox jumps over the lazy dog.");
  const whale = await test.upload("whale.md", "# Whales\nThe blue whale is the largest animal.");
  search.index(TENANT, await test.put(fox, whale));
  await search.idle();
  const file = await test.fileOf(fox.id);
  assert.deepEqual([file?.status, file?.last_error], ["completed", null]);
  assert.ok((file?.usage_bytes ?? 0) > 64);
  const [best, ...rest] = await test.find(search, "the largest animal");
  assert.deepEqual(best, {
    vectorStoreId: test.storeId,
    fileId: whale.id,
    filename: "whale.md",
    score: 1,
    attributes: null,
    text: "# Whales\nThe blue whale is the largest animal.",
  });
  assert.equal(rest.length, 1);
  const alike = await test.find(search, "brown foxes", { rankingOptions: { ranker: "none" } });
  assert.equal(alike[0]?.fileId, fox.id);
  assert.ok((alike[0]?.score ?? 0) < 1);
  assert.deepEqual(test.errors, []);
});

Deno.test("thresholds, weights and filters decide, and wrong ones are refused by name", async () => {
  await using test = await lab();
  await using search = await test.start({ embeddingModel: "none" });
  const files = [
    await test.upload("a.txt", "red apples"),
    await test.upload("b.txt", "green pears"),
  ];
  search.index(TENANT, await test.put(...files));
  await search.idle();
  await test.store.vectorStores.setAttributes(TENANT, test.storeId, files[1]?.id ?? "", { n: 2 });
  const count = async (more: object) => (await test.find(search, "red apples", more)).length;
  assert.equal(await count({}), 2);
  assert.equal(await count({ maxResults: 1 }), 1);
  assert.equal(await count({ rankingOptions: { score_threshold: 1 } }), 1);
  assert.equal(
    await count({ rankingOptions: { hybrid_search: { embedding_weight: 0, text_weight: 1 } } }),
    1,
  );
  assert.equal(await count({ filters: { type: "eq", key: "n", value: 2 } }), 1);
  assert.equal(await count({ filters: { type: "eq", key: "n", value: 3 } }), 0);
  assert.equal(await count({ vectorStoreIds: ["vs_none"] }), 0);
  await assert.rejects(count({ filters: { type: "eq" } }), /filter/);
  await assert.rejects(count({ rankingOptions: { score_threshold: 2 } }), /score_threshold/);
  const hybrid_search = { embedding_weight: 0, text_weight: 0 };
  await assert.rejects(count({ rankingOptions: { hybrid_search } }), /one of the weights/);
});

Deno.test("files that cannot be read, and a model that fails, are failed with their reason", async () => {
  await using test = await lab();
  await using search = await test.start({ maxFileBytes: 100 });
  const broken = await test.upload("a.json", "{");
  const binary = await test.upload("a.bin", "\x00\x01");
  const large = await test.upload("large.txt", "x".repeat(101));
  const fine = await test.upload("fine.txt", "words");
  const files = await test.put(broken, binary, large, fine);
  search.index(TENANT, files);
  await search.idle();
  test.model.answer = () => Promise.reject(new Error("the model server answered 500"));
  const unlucky = await test.upload("b.txt", "words");
  search.index(TENANT, await test.put(unlucky));
  await search.idle();
  const errorOf = async ({ id }: FileObject) => (await test.fileOf(id))?.last_error;
  assert.equal((await errorOf(broken))?.code, "invalid_file");
  assert.equal((await errorOf(binary))?.code, "unsupported_file");
  assert.match((await errorOf(large))?.message ?? "", /larger than .* MiB/);
  assert.deepEqual(await errorOf(unlucky), {
    code: "server_error",
    message: "the model server answered 500",
  });
  assert.deepEqual(await test.statuses(), {
    in_progress: 0,
    completed: 1,
    failed: 4,
    cancelled: 0,
    total: 5,
  });
});

/** Holds up the model's answers; `reached` resolves with the first call. */
function holdUp(model: Model): { readonly reached: Promise<void>; release(): void } {
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const { answer } = model;
  model.answer = async (texts) => {
    reached.resolve();
    await released.promise;
    return await answer(texts);
  };
  return { reached: reached.promise, release: released.resolve };
}

Deno.test("what an ended process left in progress is taken up by the next", async () => {
  await using test = await lab();
  const held = holdUp(test.model);
  const running = await test.upload("a.txt", "words to find");
  const waiting = await Promise.all(
    [1, 2, 3].map((n) => test.upload(`${n}.txt`, `more words ${n}`)),
  );
  {
    await using search = await test.start();
    search.index(TENANT, await test.put(running, ...waiting));
    await held.reached;
  }
  assert.equal((await test.statuses())["in_progress"], 4);
  await test.reopen();
  held.release();
  await using search = await test.start();
  await search.idle();
  assert.equal((await test.statuses())["completed"], 4);
  assert.equal((await test.find(search, "words to find"))[0]?.fileId, running.id);
  assert.deepEqual(test.errors, []);
});

Deno.test("cancelled files are not worked on, and a late result of one changes nothing", async () => {
  await using test = await lab();
  await using search = await test.start();
  const held = holdUp(test.model);
  const files = await Promise.all([1, 2, 3, 4].map((n) => test.upload(`${n}.txt`, `words ${n}`)));
  const made = files.map(({ id }) => aVectorStoreFile({ id, vector_store_id: test.storeId }));
  const batch = aBatch({ vector_store_id: test.storeId });
  await test.store.vectorStores.putFiles(TENANT, test.storeId, made, batch);
  search.index(TENANT, made);
  await held.reached;
  assert.equal(await test.store.vectorStores.cancelBatch(TENANT, test.storeId, batch.id), true);
  held.release();
  await search.idle();
  assert.equal((await test.statuses())["cancelled"], 4);
  assert.deepEqual(await test.find(search, "words"), []);
});

Deno.test("a file that is put again while it is worked on is indexed once more, and dropped work ends", async () => {
  await using test = await lab();
  await using search = await test.start();
  const held = holdUp(test.model);
  const file = await test.upload("a.txt", "words");
  search.index(TENANT, await test.put(file));
  await held.reached;
  search.index(TENANT, await test.put(file));
  const other = await test.upload("b.txt", "other words");
  search.index(TENANT, await test.put(other));
  search.drop(TENANT, test.storeId, [other.id]);
  held.release();
  await search.idle();
  assert.equal((await test.fileOf(file.id))?.status, "completed");
  assert.equal((await test.fileOf(other.id))?.status, "in_progress");
});

Deno.test("at start the stores that hold files are loaded, in the background", async () => {
  await using test = await lab();
  {
    await using search = await test.start();
    search.index(TENANT, await test.put(await test.upload("a.txt", "words to find")));
    await search.idle();
  }
  await test.reopen();
  const { vectorStores } = test.store;
  const read = Promise.withResolvers<void>();
  const { fileChunks } = vectorStores;
  const watched = {
    ...vectorStores,
    fileChunks: (...args: Parameters<typeof fileChunks>) => {
      read.resolve();
      return fileChunks(...args);
    },
  };
  await using search = await test.start({
    store: { files: test.store.files, vectorStores: watched },
  });
  await read.promise;
  assert.equal((await test.find(search, "words")).length, 1);
  assert.deepEqual(test.errors, []);
});

Deno.test("a store expires by its last use: its files are no longer found", async () => {
  await using test = await lab();
  await using search = await test.start({ embeddingModel: "none" });
  const file = await test.upload("a.txt", "words");
  search.index(TENANT, await test.put(file));
  await search.idle();
  const { store: { vectorStores } } = test;
  const vectorStore = await vectorStores.get(TENANT, test.storeId);
  assert.ok(vectorStore);
  const expires_after = { anchor: "last_active_at", days: 1 } as const;
  await vectorStores.update(TENANT, { ...vectorStore, expires_after });
  test.clock.now += 86_399;
  assert.equal((await test.find(search, "words")).length, 1);
  test.clock.now += 86_399;
  assert.equal(await vectorStores.expire(TENANT, test.storeId), false);
  test.clock.now += 1;
  assert.equal(await vectorStores.expire(TENANT, test.storeId), true);
  assert.deepEqual(await test.find(search, "words"), []);
});

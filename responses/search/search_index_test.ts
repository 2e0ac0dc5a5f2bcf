import assert from "node:assert/strict";
import type { Attributes } from "../api/objects.ts";
import { hashedEmbedding } from "./hashed_embedding.ts";
import type { IndexSearch } from "./index/store_index.ts";
import { toFixedPoint } from "./index/vectors.ts";
import type { Chunk, IndexedFile } from "../store/store.ts";
import { type IndexSource, SearchIndex } from "./search_index.ts";

const DIMENSIONS = 64;
const EMBEDDING = { model: "hashed", dimensions: DIMENSIONS };

type Kept = IndexedFile & { readonly chunks: readonly Chunk[] };

/** A store in memory that counts what is read of it. */
class Source implements IndexSource {
  readonly stores = new Map<string, { revision: number; files: Map<string, Kept> }>();
  readonly read: string[] = [];

  put(
    storeId: string,
    fileId: string,
    texts: string[],
    more: { attributes?: Attributes; embedder?: string } = {},
  ) {
    const store = this.stores.get(storeId) ?? { revision: 0, files: new Map() };
    this.stores.set(storeId, store);
    store.files.set(fileId, {
      fileId,
      revision: ++store.revision,
      attributes: more.attributes ?? {},
      embedder: more.embedder ?? EMBEDDING.model,
      chunks: texts.map((text, index) => ({
        index,
        start: 0,
        text,
        embedding: toFixedPoint(hashedEmbedding(text, DIMENSIONS)),
      })),
    });
  }

  remove(storeId: string, fileId: string) {
    const store = this.stores.get(storeId);
    if (store?.files.delete(fileId)) store.revision++;
  }

  revision = (_: string, id: string) => Promise.resolve(this.stores.get(id)?.revision);
  indexedFiles = (_: string, id: string) =>
    Promise.resolve([...this.stores.get(id)?.files.values() ?? []]);
  fileChunks = (_: string, id: string, fileId: string, first: number, limit: number) => {
    if (first === 0) this.read.push(fileId);
    const chunks = this.stores.get(id)?.files.get(fileId)?.chunks ?? [];
    return Promise.resolve(chunks.slice(first, first + limit));
  };
}

function looking(text: string, more: Partial<IndexSearch> = {}): IndexSearch {
  return {
    queries: [{ text, vector: toFixedPoint(hashedEmbedding(text, DIMENSIONS)) }],
    filter: null,
    ranking: { by: "fusion", embedding: 1, text: 1 },
    limit: 3,
    ...more,
  };
}

async function first(
  index: SearchIndex,
  stores: string[],
  text: string,
  more: Partial<IndexSearch> = {},
) {
  const [hit] = await index.search("t", stores, looking(text, more), EMBEDDING);
  return hit === undefined ? undefined : `${hit.storeId}/${hit.fileId}/${hit.position}`;
}

Deno.test("a store is loaded when it is first searched, and then only what has changed", async () => {
  const source = new Source();
  using index = new SearchIndex(source, 16);
  source.put("s", "a", ["the red fox", "a blue whale"]);
  source.put("s", "b", ["green grass"]);
  assert.equal(await first(index, ["s"], "blue whale"), "s/a/1");
  assert.equal(await first(index, ["s"], "green"), "s/b/0");
  assert.deepEqual(source.read, ["a", "b"]);

  source.put("s", "c", ["a yellow submarine"]);
  source.put("s", "b", ["grey stone"], { attributes: { kind: "rock" } });
  assert.equal(await first(index, ["s"], "yellow submarine"), "s/c/0");
  assert.equal(await first(index, ["s"], "grey stone"), "s/b/0");
  assert.deepEqual(source.read.slice(2).toSorted(), ["b", "c"]);

  source.remove("s", "c");
  const filter = { type: "eq", key: "kind", value: "rock" } as const;
  assert.equal(await first(index, ["s"], "yellow submarine", { filter }), "s/b/0");
  assert.equal(
    await first(index, ["s"], "submarine", { ranking: { by: "fusion", embedding: 0, text: 1 } }),
    undefined,
  );
  assert.equal(source.read.length, 4);
});

Deno.test("a file of more chunks than go over at once is found to its end", async () => {
  const source = new Source();
  using index = new SearchIndex(source, 16);
  source.put("s", "long", Array.from({ length: 600 }, (_, at) => `paragraph number${at}`));
  assert.equal(await first(index, ["s"], "number599"), "s/long/599");
  assert.equal(await first(index, ["s"], "number256"), "s/long/256");
});

Deno.test("searches that come at once load a store once", async () => {
  const source = new Source();
  using index = new SearchIndex(source, 16);
  source.put("s", "a", ["the red fox"]);
  const found = await Promise.all(Array.from({ length: 8 }, () => first(index, ["s"], "fox")));
  assert.deepEqual(new Set(found), new Set(["s/a/0"]));
  assert.deepEqual(source.read, ["a"]);
});

Deno.test("no store, an empty store, a deleted store: nothing is found", async () => {
  const source = new Source();
  using index = new SearchIndex(source, 16);
  assert.equal(await first(index, ["none"], "fox"), undefined);
  source.put("s", "a", ["fox"]);
  assert.equal(await first(index, ["s", "none"], "fox"), "s/a/0");
  source.remove("s", "a");
  assert.equal(await first(index, ["s"], "fox"), undefined);
  source.stores.delete("s");
  assert.equal(await first(index, ["s"], "fox"), undefined);
});

Deno.test("files of another embedding model are found by their words; a new model loads the store anew", async () => {
  const source = new Source();
  using index = new SearchIndex(source, 16);
  source.put("s", "old", ["the red fox"], { embedder: "other" });
  source.put("s", "new", ["the blue whale"]);
  const similarity = { ranking: { by: "similarity" } } as const;
  assert.equal(await first(index, ["s"], "red fox", similarity), "s/new/0");
  assert.equal(await first(index, ["s"], "red fox"), "s/old/0");
  const other = { model: "other", dimensions: DIMENSIONS };
  const [hit] = await index.search("t", ["s"], looking("whale", similarity), other);
  assert.equal(hit?.fileId, "old");
});

Deno.test("a store that was loaded before is not loaded by its first search; a full memory is told", async () => {
  const source = new Source();
  using index = new SearchIndex(source, 1);
  const texts = Array.from({ length: 3_000 }, (_, at) => `word${at}`);
  source.put("one", "a", texts);
  source.put("two", "b", texts);
  assert.equal(await index.warm("t", "one", EMBEDDING), true);
  assert.equal(await index.warm("t", "two", EMBEDDING), false);
  assert.equal(await first(index, ["two"], "word7"), "two/b/7");
  assert.deepEqual(source.read, ["a", "b"]);
});

Deno.test("a load that is cut off by the end rejects, and starts no other thread", async () => {
  const source = new Source();
  const index = new SearchIndex(source, 16);
  source.put("s", "a", ["fox"]);
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const { indexedFiles } = source;
  source.indexedFiles = async (tenant, id) => {
    reached.resolve();
    await released.promise;
    return await indexedFiles(tenant, id);
  };
  const loading = assert.rejects(index.warm("t", "s", EMBEDDING), /ended|closed/);
  await reached.promise;
  index[Symbol.dispose]();
  released.resolve();
  await loading;
  await assert.rejects(first(index, ["s"], "fox"), /closed/);
});

Deno.test("stores take turns in a memory that holds one; two at once are too much", async () => {
  const source = new Source();
  using index = new SearchIndex(source, 1);
  const texts = Array.from({ length: 3_000 }, (_, at) => `word${at}`);
  source.put("one", "a", texts);
  source.put("two", "b", texts);
  assert.equal(await first(index, ["one"], "word7"), "one/a/7");
  assert.equal(await first(index, ["two"], "word7"), "two/b/7");
  assert.equal(await first(index, ["one"], "word7"), "one/a/7");
  await assert.rejects(
    first(index, ["one", "two"], "word7"),
    /need together more than 1 MiB: raise search\.memory_mib/,
  );
  source.put("huge", "c", Array.from({ length: 9_000 }, (_, at) => `word${at}`));
  await assert.rejects(
    first(index, ["huge"], "word7"),
    /The vector store huge needs more than 1 MiB/,
  );
  assert.equal(await first(index, ["one"], "word7"), "one/a/7");
});

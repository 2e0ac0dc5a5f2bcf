import assert from "node:assert/strict";
import type { Attributes } from "../../api/objects.ts";
import { cosine, randomNumbers, randomVector } from "../testing.ts";
import { Indexes } from "./indexes.ts";
import type { FilePart, IndexSearch } from "./store_index.ts";
import { toFixedPoint } from "./vectors.ts";

const MIB = 2 ** 20;

function part(
  fileId: string,
  vectors: readonly ArrayLike<number>[],
  more: { texts?: readonly string[]; attributes?: Attributes; revision?: number } = {},
): FilePart {
  const rows = vectors.map(toFixedPoint);
  const dimensions = rows[0]?.length ?? 0;
  const flat = new Int16Array(rows.length * dimensions);
  rows.forEach((row, at) => flat.set(row, at * dimensions));
  return {
    fileId,
    revision: more.revision ?? 1,
    attributes: more.attributes ?? {},
    firstPosition: 0,
    texts: more.texts ?? vectors.map(() => ""),
    vectors: flat,
  };
}

function search(
  vector: ArrayLike<number> | null,
  more: { text?: string } & Partial<Omit<IndexSearch, "queries">> = {},
): IndexSearch {
  const { text = "", ...rest } = more;
  return {
    queries: [{ text, vector: vector === null ? null : toFixedPoint(vector) }],
    filter: null,
    ranking: { by: "similarity" },
    limit: 10,
    ...rest,
  };
}

const ids = (indexes: Indexes, stores: string[], wanted: IndexSearch) =>
  indexes.search(stores, wanted).hits.map(({ fileId, position }) => `${fileId}/${position}`);

Deno.test("recall: 3,000 vectors of 384 dimensions, top 10 of 30 queries against exact cosine", () => {
  const random = randomNumbers(42);
  const vectors = Array.from({ length: 3_000 }, () => randomVector(random, 384));
  const indexes = new Indexes(64 * MIB);
  for (let file = 0; file < 30; file++) {
    const rows = vectors.slice(file * 100, (file + 1) * 100);
    indexes.add({ store: "s", dimensions: 384, part: part(`f${file}`, rows) });
  }
  let found = 0;
  for (let run = 0; run < 30; run++) {
    const query = randomVector(random, 384);
    const exact = vectors.map((vector, at) => ({ at, score: cosine(vector, query) }))
      .sort((a, b) => b.score - a.score).slice(0, 10);
    const hits = indexes.search(["s"], search(query)).hits;
    const names = new Set(hits.map(({ fileId, position }) => `${fileId}/${position}`));
    found += exact.filter(({ at }) => names.has(`f${Math.floor(at / 100)}/${at % 100}`)).length;
    assert.ok(Math.abs((hits[0]?.score ?? 0) - (exact[0]?.score ?? 0)) < 1e-4);
  }
  assert.ok(found >= 0.99 * 300, `${found} of 300`);
});

Deno.test("a filter is on the files' attributes, and changed attributes count at once", () => {
  const indexes = new Indexes(MIB);
  indexes.add({ store: "s", dimensions: 2, part: part("a", [[1, 0]], { attributes: { n: 1 } }) });
  indexes.add({ store: "s", dimensions: 2, part: part("b", [[1, 0]], { attributes: { n: 2 } }) });
  const wanted = search([1, 0], { filter: { type: "eq", key: "n", value: 2 } });
  assert.deepEqual(ids(indexes, ["s"], wanted), ["b/0"]);
  indexes.setAttributes("s", "a", { n: 2 });
  assert.deepEqual(ids(indexes, ["s"], wanted), ["a/0", "b/0"]);
});

Deno.test("fused ranking: words find what the vectors do not, and the weights decide between them", () => {
  const indexes = new Indexes(MIB);
  const more = { texts: ["nothing alike", "the zebra crossing"] };
  indexes.add({ store: "s", dimensions: 2, part: part("a", [[1, 0], [0, 1]], more) });
  const wanted = (embedding: number, text: number) =>
    search([1, 0], { text: "Zebra", ranking: { by: "fusion", embedding, text } });
  assert.deepEqual(ids(indexes, ["s"], wanted(0.1, 0.9)), ["a/1", "a/0"]);
  assert.deepEqual(ids(indexes, ["s"], wanted(1, 0)), ["a/0", "a/1"]);
  assert.deepEqual(ids(indexes, ["s"], wanted(0, 1)), ["a/1"]);
});

Deno.test("a file without embeddings is found by its words alone", () => {
  const indexes = new Indexes(MIB);
  const plain = { ...part("a", [[1, 0]], { texts: ["zebra"] }), vectors: null };
  indexes.add({ store: "s", dimensions: 2, part: plain });
  assert.deepEqual(ids(indexes, ["s"], search([1, 0])), []);
  const ranking = { by: "fusion", embedding: 1, text: 1 } as const;
  assert.deepEqual(ids(indexes, ["s"], search([1, 0], { text: "zebra", ranking })), ["a/0"]);
});

Deno.test("a removed file is gone, another revision takes its place, and rewriting changes no answer", () => {
  const random = randomNumbers(7);
  const indexes = new Indexes(16 * MIB);
  const fresh = new Indexes(16 * MIB);
  for (let file = 0; file < 20; file++) {
    const vectors = Array.from({ length: 50 }, () => randomVector(random, 32));
    const added = part(`f${file}`, vectors, { texts: vectors.map((_, at) => `word${at} common`) });
    indexes.add({ store: "s", dimensions: 32, part: added });
    if (file >= 12) fresh.add({ store: "s", dimensions: 32, part: added });
  }
  const before = indexes.usedBytes;
  indexes.remove("s", Array.from({ length: 12 }, (_, file) => `f${file}`));
  assert.ok(indexes.usedBytes < before);
  for (const by of [{ by: "similarity" }, { by: "fusion", embedding: 1, text: 1 }] as const) {
    const wanted = search(randomVector(random, 32), { text: "word3 common", ranking: by });
    assert.deepEqual(indexes.search(["s"], wanted), fresh.search(["s"], wanted));
  }
  const changed = part("f15", [randomVector(random, 32)], { revision: 2, texts: ["zebra"] });
  indexes.add({ store: "s", dimensions: 32, part: changed });
  const ranking = { by: "fusion", embedding: 0, text: 1 } as const;
  assert.deepEqual(ids(indexes, ["s"], search(null, { text: "zebra", ranking })), ["f15/0"]);
  const common = ids(indexes, ["s"], search(null, { text: "common", ranking, limit: 1_000 }));
  assert.ok(common.every((id) => !id.startsWith("f15/")));
});

Deno.test("several stores are searched as one; those that are not in memory are named", () => {
  const indexes = new Indexes(MIB);
  indexes.add({ store: "one", dimensions: 2, part: part("a", [[1, 0.1]]) });
  indexes.add({ store: "two", dimensions: 2, part: part("b", [[1, 0]]) });
  const found = indexes.search(["one", "two", "three"], search([1, 0]));
  assert.deepEqual(found.hits.map(({ store, fileId }) => [store, fileId]), [["two", "b"], [
    "one",
    "a",
  ]]);
  assert.deepEqual(found.missing, ["three"]);
});

Deno.test("the limit: the store that was used longest ago makes room, and one that is too large is refused", () => {
  const indexes = new Indexes(0.5 * MIB);
  const rows = (count: number) =>
    Array.from({ length: count }, () => new Float32Array(384).fill(1));
  indexes.add({ store: "old", dimensions: 384, part: part("a", rows(250)) });
  indexes.add({ store: "new", dimensions: 384, part: part("b", rows(250)) });
  indexes.search(["old"], search(new Float32Array(384).fill(1)));
  const evicted = indexes.add({ store: "more", dimensions: 384, part: part("c", rows(250)) });
  assert.deepEqual(evicted, ["new"]);
  assert.deepEqual(indexes.search(["old", "new"], search(null)).missing, ["new"]);
  assert.equal(indexes.search(["more"], search(rows(1)[0] ?? [], { limit: 500 })).hits.length, 250);
  assert.throws(
    () => indexes.add({ store: "huge", dimensions: 384, part: part("d", rows(800)) }),
    /needs more than 0\.5 MiB/,
  );
  assert.ok(indexes.usedBytes < 0.5 * MIB);
});

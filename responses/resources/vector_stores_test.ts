import assert from "node:assert/strict";
import { UNREADABLE } from "../search/testing.ts";
import { vectorStoreLab } from "../testing/vector_store_lab.ts";

const NO_FILES = { in_progress: 0, completed: 0, failed: 0, cancelled: 0, total: 0 };

Deno.test("a vector store is made, read, listed, changed by POST and PUT, and deleted", async () => {
  await using test = await vectorStoreLab();
  const { call } = test;
  const made = await call("POST", "/v1/vector_stores", { name: "docs", metadata: { a: "b" } });
  assert.equal(made.status, 200);
  const { id, created_at } = made.body;
  assert.match(id, /^vs_[0-9a-f]{32}$/);
  assert.deepEqual(made.body, {
    id,
    object: "vector_store",
    created_at,
    name: "docs",
    status: "completed",
    usage_bytes: 0,
    file_counts: NO_FILES,
    metadata: { a: "b" },
    expires_after: null,
    expires_at: null,
    last_active_at: created_at,
  });
  const path = `/v1/vector_stores/${id}`;
  assert.deepEqual((await call("GET", path)).body, made.body);
  const expires_after = { anchor: "last_active_at", days: 3 };
  const posted = await call("POST", path, { name: "new", expires_after });
  assert.deepEqual(posted.body, {
    ...made.body,
    name: "new",
    expires_after,
    expires_at: created_at + 3 * 86_400,
  });
  const put = await call("PUT", path, { metadata: { c: "d" }, expires_after: null });
  assert.deepEqual(put.body, { ...made.body, name: "new", metadata: { c: "d" } });
  await test.store({ name: "second" });
  const { body: list } = await call("GET", "/v1/vector_stores?limit=1");
  assert.deepEqual(
    [list.object, list.data.map(({ name }: { name: string }) => name), list.has_more],
    ["list", ["second"], true],
  );
  assert.deepEqual(await call("DELETE", path), {
    status: 200,
    body: { id, object: "vector_store.deleted", deleted: true },
  });
  for (const method of ["GET", "POST", "PUT", "DELETE"]) {
    const { status, body } = await call(method, path, method === "GET" ? undefined : {});
    assert.deepEqual([status, body.error.code], [404, "vector_store_not_found"]);
  }
});

Deno.test("files come into a store by three ways, are read, narrowed, changed and taken out", async () => {
  await using test = await vectorStoreLab();
  const { call, app, search } = test;
  const [one, two, three] = await Promise.all(
    ["The first text", "The second text", "The third text"].map((text) => app.upload(text)),
  );
  const { body: made } = await call("POST", "/v1/vector_stores", { file_ids: [one, one] });
  assert.deepEqual(made.file_counts, { ...NO_FILES, in_progress: 1, total: 1 });
  assert.equal(made.status, "in_progress");
  const path = `/v1/vector_stores/${made.id}`;
  const added = await call("POST", `${path}/files`, {
    file_id: two,
    attributes: { lang: "en", year: 2024, draft: false },
    chunking_strategy: {
      type: "static",
      static: { max_chunk_size_tokens: 100, chunk_overlap_tokens: 50 },
    },
  });
  assert.deepEqual(added.body, {
    id: two,
    object: "vector_store.file",
    created_at: made.created_at,
    vector_store_id: made.id,
    status: "in_progress",
    usage_bytes: 0,
    last_error: null,
    attributes: { lang: "en", year: 2024, draft: false },
    chunking_strategy: {
      type: "static",
      static: { max_chunk_size_tokens: 100, chunk_overlap_tokens: 50 },
    },
  });
  const batch = await call("POST", `${path}/file_batches`, { file_ids: [three] });
  assert.match(batch.body.id, /^vsfb_/);
  assert.equal(batch.body.object, "vector_store.file_batch");
  assert.deepEqual(batch.body.file_counts, { ...NO_FILES, in_progress: 1, total: 1 });
  await search.idle();

  const { body: file } = await call("GET", `${path}/files/${two}`);
  assert.equal(file.status, "completed");
  assert.ok(file.usage_bytes > 0);
  const { body: first } = await call("GET", `${path}/files/${one}`);
  assert.equal(first.chunking_strategy.static.max_chunk_size_tokens, 800);
  const content = await call("GET", `${path}/files/${two}/content`);
  assert.deepEqual(content.body, {
    object: "vector_store.file_content.page",
    data: [{ type: "text", text: "The second text" }],
    has_more: false,
    next_page: null,
  });
  const { body: store } = await call("GET", path);
  assert.deepEqual([store.status, store.file_counts], [
    "completed",
    { ...NO_FILES, completed: 3, total: 3 },
  ]);
  assert.ok(store.usage_bytes > file.usage_bytes);

  const ids = async (query: string) =>
    (await call("GET", `${path}/files${query}`)).body.data.map(({ id }: { id: string }) => id);
  assert.deepEqual(await ids(""), [three, two, one]);
  assert.deepEqual(await ids("?order=asc&limit=1"), [one]);
  assert.deepEqual(await ids(`?after=${three}&limit=1`), [two]);
  assert.deepEqual(await ids("?filter=failed"), []);
  assert.equal((await call("GET", `${path}/files?filter=odd`)).status, 400);

  const changed = await call("POST", `${path}/files/${one}`, { attributes: { lang: "de" } });
  assert.deepEqual([changed.status, changed.body.attributes], [200, { lang: "de" }]);
  const { body: batchNow } = await call("GET", `${path}/file_batches/${batch.body.id}`);
  assert.deepEqual([batchNow.status, batchNow.file_counts.completed], ["completed", 1]);
  const inBatch = await call("GET", `${path}/file_batches/${batch.body.id}/files`);
  assert.deepEqual(inBatch.body.data.map(({ id }: { id: string }) => id), [three]);

  assert.deepEqual((await call("DELETE", `${path}/files/${two}`)).body, {
    id: two,
    object: "vector_store.file.deleted",
    deleted: true,
  });
  assert.deepEqual(await ids(""), [three, one]);
  assert.equal((await call("DELETE", `/v1/files/${three}`)).status, 200);
  assert.deepEqual(await ids(""), [one]);
  const { body: found } = await call("POST", `${path}/search`, { query: "text" });
  assert.deepEqual(found.data.map(({ file_id }: { file_id: string }) => file_id), [one]);
});

Deno.test("search answers a page of hits; queries, limits, filters, thresholds and weights", async () => {
  await using test = await vectorStoreLab();
  const { call, app, search } = test;
  const apples = await app.upload("Apples are red or green fruit.");
  const pears = await app.upload("Pears are green or yellow fruit.");
  const path = await test.store();
  const attributes = { kind: "apple", year: 2020 };
  await call("POST", `${path}/files`, { file_id: apples, attributes });
  await call("POST", `${path}/files`, { file_id: pears, attributes: { kind: "pear", year: 2024 } });
  await search.idle();

  const { status, body } = await call("POST", `${path}/search`, { query: "red apples" });
  assert.equal(status, 200);
  assert.deepEqual({ ...body, data: body.data.slice(0, 1) }, {
    object: "vector_store.search_results.page",
    search_query: ["red apples"],
    data: [{
      file_id: apples,
      filename: "a.txt",
      score: 1,
      attributes,
      content: [{ type: "text", text: "Apples are red or green fruit." }],
    }],
    has_more: false,
    next_page: null,
  });
  const found = async (request: object) => {
    const answer = await call("POST", `${path}/search`, { query: "fruit", ...request });
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    return answer.body.data.map(({ file_id }: { file_id: string }) => file_id).toSorted();
  };
  const both = [apples, pears].toSorted();
  assert.deepEqual(await found({}), both);
  assert.deepEqual(
    await found({ query: ["red apples", "yellow pears"], rewrite_query: true }),
    both,
  );
  assert.deepEqual(await found({ query: "yellow pears", max_num_results: 1 }), [pears]);
  assert.deepEqual(await found({ query: "yellow pears", top_k: 1 }), [pears]);
  assert.deepEqual(await found({ filters: { type: "eq", key: "kind", value: "apple" } }), [apples]);
  assert.deepEqual(await found({ filter: { type: "gt", key: "year", value: 2020 } }), [pears]);
  assert.deepEqual(await found({ filters: { type: "eq", key: "absent", value: 1 } }), []);
  assert.deepEqual(await found({ query: "red", ranking_options: { score_threshold: 0.9 } }), [
    apples,
  ]);
  const hybrid_search = { embedding_weight: 0, text_weight: 1 };
  assert.deepEqual(await found({ query: "red", ranking_options: { hybrid_search } }), [apples]);
  assert.deepEqual(
    await found({ query: "red apples", max_num_results: 1, ranking_options: { ranker: "none" } }),
    [apples],
  );

  await call("POST", `${path}/files/${pears}`, { attributes: { kind: "apple" } });
  assert.deepEqual(await found({ filters: { type: "eq", key: "kind", value: "apple" } }), both);
  const empty = await call("POST", `${await test.store()}/search`, { query: "fruit" });
  assert.deepEqual([empty.status, empty.body.data], [200, []]);
});

Deno.test("a batch takes attributes for each file, is cancelled, and fails with its files", async () => {
  await using test = await vectorStoreLab();
  const { call, app, search } = test;
  const path = await test.store();
  const [one, broken] = [await app.upload("one"), await app.upload(UNREADABLE)];
  const files = [{ file_id: one, attributes: { n: 1 } }, { file_id: broken }];
  const { body: batch } = await call("POST", `${path}/file_batches`, { files });
  assert.equal(batch.file_counts.total, 2);
  await search.idle();
  const { body: now } = await call("GET", `${path}/file_batches/${batch.id}`);
  assert.deepEqual(now.file_counts, { ...NO_FILES, completed: 1, failed: 1, total: 2 });
  const { body: failed } = await call("GET", `${path}/files/${broken}`);
  assert.deepEqual([failed.status, failed.last_error.code], ["failed", "unsupported_file"]);
  assert.deepEqual((await call("GET", `${path}/files/${broken}/content`)).body.data, []);
  assert.deepEqual((await call("GET", `${path}/files/${one}`)).body.attributes, { n: 1 });
  const { status, body } = await call("POST", `${path}/file_batches/${batch.id}/cancel`);
  assert.deepEqual([status, body.file_counts], [200, now.file_counts]);
});

Deno.test("an expired store is kept, and can neither be searched nor added to", async () => {
  await using test = await vectorStoreLab();
  const { call, app } = test;
  const path = await test.store({ expires_after: { anchor: "last_active_at", days: 1 } });
  const file_id = await app.upload("text");
  app.clock.now += 86_400;
  const id = path.slice("/v1/vector_stores/".length);
  assert.equal(await app.store.vectorStores.expire("default", id), true);
  assert.equal((await call("GET", path)).body.status, "expired");
  for (
    const [route, body] of [
      ["search", { query: "text" }],
      ["files", { file_id }],
      ["file_batches", { file_ids: [file_id] }],
    ] as const
  ) {
    const answer = await call("POST", `${path}/${route}`, body);
    assert.deepEqual([answer.status, /has expired/.test(answer.body.error.message)], [400, true]);
  }
});

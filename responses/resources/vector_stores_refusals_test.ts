import assert from "node:assert/strict";
import { BACKEND, vectorStoreLab } from "../testing/vector_store_lab.ts";

Deno.test("a model server that is down fails files and searches with a reason, and hashes nothing", async () => {
  const error = "connection refused";
  const state = () => Promise.resolve({ reachable: false, models: [], error });
  await using test = await vectorStoreLab({ ...BACKEND, state });
  const { call, app, search } = test;
  const path = await test.store();
  const file_id = await app.upload("text");
  await call("POST", `${path}/files`, { file_id });
  await search.idle();
  const { body: file } = await call("GET", `${path}/files/${file_id}`);
  assert.deepEqual([file.status, file.last_error.code], ["failed", "server_error"]);
  assert.match(file.last_error.message, /connection refused/);
  const vectorStoreIds = [path.slice("/v1/vector_stores/".length)];
  await assert.rejects(
    search.search("default", { vectorStoreIds, query: ["text"], maxResults: 1 }),
    {
      status: 503,
      code: "backend_unavailable",
      message: /connection refused.*search\.embedding_model/,
    },
  );
});

const REFUSED: readonly [string, string, object, RegExp][] = [
  ["no file", "/files", {}, /'file_id'/],
  ["too many attributes", "/files", {
    file_id: "f",
    attributes: Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`k${at}`, at])),
  }, /at most 16 pairs/],
  [
    "an attribute that is an object",
    "/files",
    { file_id: "f", attributes: { a: {} } },
    /attributes\.a/,
  ],
  ["chunks that are too small", "/files", {
    file_id: "f",
    chunking_strategy: {
      type: "static",
      static: { max_chunk_size_tokens: 99, chunk_overlap_tokens: 0 },
    },
  }, /max_chunk_size_tokens.*at least 100/],
  ["too much overlap", "/files", {
    file_id: "f",
    chunking_strategy: {
      type: "static",
      static: { max_chunk_size_tokens: 200, chunk_overlap_tokens: 101 },
    },
  }, /chunk_overlap_tokens.*at most half/],
  ["an empty batch", "/file_batches", {}, /file_ids or files/],
  [
    "a batch of both kinds",
    "/file_batches",
    { file_ids: ["f"], files: [{ file_id: "f" }] },
    /file_ids or files/,
  ],
  ["no query", "/search", {}, /query/],
  ["an empty query", "/search", { query: "" }, /query/],
  ["too many results", "/search", { query: "x", max_num_results: 51 }, /at most 50/],
  [
    "a broken filter",
    "/search",
    { query: "x", filters: { type: "like", key: "a", value: 1 } },
    /filter/,
  ],
  ["a filter without a key", "/search", { query: "x", filter: { type: "eq", value: 1 } }, /filter/],
  [
    "a threshold beyond 1",
    "/search",
    { query: "x", ranking_options: { score_threshold: 2 } },
    /score_threshold/,
  ],
  [
    "a bad expiry",
    "",
    { expires_after: { anchor: "created_at", days: 1 } },
    /expires_after\.anchor/,
  ],
  [
    "too long an expiry",
    "",
    { expires_after: { anchor: "last_active_at", days: 366 } },
    /at most 365/,
  ],
];

Deno.test("what cannot be used is refused with the field's name", async (t) => {
  await using test = await vectorStoreLab();
  const path = await test.store();
  for (const [name, route, body, message] of REFUSED) {
    await t.step(name, async () => {
      const answer = await test.call("POST", `${path}${route}`, body);
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      assert.match(answer.body.error.message, message);
    });
  }
});

Deno.test("what does not exist, or is another tenant's, is 404 on every route", async (t) => {
  await using test = await vectorStoreLab();
  const { call, app, search } = test;
  const path = await test.store();
  const file_id = await app.upload("text");
  await call("POST", `${path}/files`, { file_id });
  const { body: batch } = await call("POST", `${path}/file_batches`, { file_ids: [file_id] });
  await search.idle();
  const own = await test.store({}, "other");
  const routes: readonly [string, string, object?][] = [
    ["GET", ""],
    ["POST", "", {}],
    ["PUT", "", {}],
    ["DELETE", ""],
    ["POST", "/search", { query: "text" }],
    ["POST", "/files", { file_id }],
    ["GET", "/files"],
    ["GET", `/files/${file_id}`],
    ["POST", `/files/${file_id}`, { attributes: {} }],
    ["GET", `/files/${file_id}/content`],
    ["DELETE", `/files/${file_id}`],
    ["POST", "/file_batches", { file_ids: [file_id] }],
    ["GET", `/file_batches/${batch.id}`],
    ["GET", `/file_batches/${batch.id}/files`],
    ["POST", `/file_batches/${batch.id}/cancel`],
  ];
  for (const [method, route, body] of routes) {
    await t.step(`${method} ${route || "/"}`, async () => {
      for (
        const [place, tenant] of [[path, "other"], [
          "/v1/vector_stores/vs_none",
          undefined,
        ]] as const
      ) {
        const answer = await call(method, `${place}${route}`, body, tenant);
        assert.equal(answer.status, 404, `${place}: ${JSON.stringify(answer.body)}`);
      }
    });
  }
  await t.step("another tenant's file does not come into a store", async () => {
    for (
      const [route, body] of [["files", { file_id }], ["file_batches", {
        file_ids: [file_id],
      }]] as const
    ) {
      const answer = await call("POST", `${own}/${route}`, body, "other");
      assert.deepEqual([answer.status, answer.body.error.code], [404, "file_not_found"]);
    }
    const made = await call("POST", "/v1/vector_stores", { file_ids: [file_id] }, "other");
    assert.equal(made.status, 404);
  });
  await t.step("a search over another tenant's store finds nothing", async () => {
    const id = path.slice("/v1/vector_stores/".length);
    const request = { vectorStoreIds: [id], query: ["text"], maxResults: 10 };
    assert.equal((await search.search("default", request)).length, 1);
    assert.deepEqual(await search.search("other", request), []);
  });
  assert.equal((await call("GET", path)).status, 200);
});

/** A Responses gateway: files in vector stores, found by what they say, and gone when they are deleted. */
import type { Case } from "../case.ts";
import { jsonOf, type Transcript } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import { answered, call, creation, type Json, refused, TENANCY } from "./responses_requests.ts";
import { asTenant } from "./responses_tenants.ts";

const VECTOR_STORES = "OpenAI API reference: Vector stores";
const STORES = "/v1/vector_stores";

/** Files with nothing in common; the first one is looked for. */
const TEXTS = {
  lighthouse: "The keeper of the lighthouse counts passing ships and writes each into a blue book.",
  bread: "Flour, water and salt rest overnight; a hot oven does the remaining work by morning.",
};

/** Uploads a file, and returns its id. */
async function upload(t: CaseContext, name: string, text: string): Promise<string> {
  const boundary = "----case-boundary";
  const field = (head: string, body: string) =>
    `--${boundary}\r\ncontent-disposition: form-data; ${head}\r\n\r\n${body}\r\n`;
  const transcript = await t.ask({
    path: "/v1/files",
    headers: [["content-type", `multipart/form-data; boundary=${boundary}`]],
    body: field('name="purpose"', "assistants") +
      field(`name="file"; filename="${name}.txt"`, text) + `--${boundary}--\r\n`,
  });
  t.equal(`${name}: status of the upload`, 200, transcript.head?.status);
  return String(jsonOf(transcript)?.id);
}

/** Makes a store, and returns its path. A gateway without such stores is not judged. */
async function createStore(t: CaseContext, body: Json = {}): Promise<string> {
  const { status, json } = await call(t, "POST", STORES, { name: "case", ...body });
  if (status === 404 || status === 405) t.unsupported("It has no vector stores");
  t.equal("status of the store's creation", 200, status);
  t.equal("object", "vector_store", json?.object);
  return `${STORES}/${encodeURIComponent(String(json?.id))}`;
}

/** Adds a file, and resolves when it is no longer worked on. */
async function add(t: CaseContext, store: string, file: string): Promise<void> {
  const { status } = await call(t, "POST", `${store}/files`, { file_id: file });
  t.equal("status of the adding", 200, status);
  for (;;) {
    t.signal.throwIfAborted();
    const { json } = await call(t, "GET", `${store}/files/${file}`);
    if (json?.status === "in_progress") continue;
    t.equal("status of the file", "completed", json?.status);
    return;
  }
}

async function search(t: CaseContext, store: string, query: string): Promise<Json[]> {
  const { status, json } = await call(t, "POST", `${store}/search`, { query });
  t.equal("status of the search", 200, status);
  return json?.data ?? [];
}

export const VECTOR_STORE_CASES: readonly Case[] = [
  answered({
    id: "responses.vector-store-search",
    level: "must",
    requirement: "A file that was added to a vector store is found by what it says, the best first",
    source: VECTOR_STORES,
    async run(t) {
      const store = await createStore(t);
      const files: Record<string, string> = {};
      for (const [name, text] of Object.entries(TEXTS)) {
        files[name] = await upload(t, name, text);
        await add(t, store, files[name]);
      }
      const { json } = await call(t, "GET", store);
      t.equal("file_counts.completed", 2, json?.file_counts?.completed);
      const found = await search(t, store, TEXTS.lighthouse);
      const [first] = found;
      t.equal("first result: file_id", files["lighthouse"], first?.file_id);
      t.equal("first result: filename", "lighthouse.txt", first?.filename);
      const said = JSON.stringify(first?.content ?? "");
      t.that("first result: text", said.includes("blue book"), "what the file says", said);
      const scores = found.map(({ score }) => score);
      const sorted = scores.toSorted((a, b) => b - a);
      t.equal("scores, best first", sorted, scores);
    },
  }),
  answered({
    id: "responses.vector-store-deleted",
    level: "must",
    requirement:
      "A file that was taken out of a vector store is not found; a deleted store is gone",
    source: VECTOR_STORES,
    async run(t) {
      const store = await createStore(t);
      const file = await upload(t, "bread", TEXTS.bread);
      await add(t, store, file);
      t.equal("found before", file, (await search(t, store, TEXTS.bread))[0]?.file_id);
      const out = await call(t, "DELETE", `${store}/files/${file}`);
      t.equal("status of taking it out", 200, out.status);
      t.equal("found afterwards", [], await search(t, store, TEXTS.bread));
      t.equal("the file itself stays", 200, (await call(t, "GET", `/v1/files/${file}`)).status);
      const gone = await call(t, "DELETE", store);
      t.equal("status of the store's deletion", 200, gone.status);
      t.equal("deleted", true, gone.json?.deleted);
      t.equal("status afterwards", 404, (await call(t, "GET", store)).status);
    },
  }),
  answered({
    id: "responses.tenants-vector-store",
    level: "must",
    control: "both",
    requirement:
      "Another tenant's vector store and files can be neither read, searched, used nor deleted",
    source: TENANCY,
    async run(t) {
      const own = asTenant(t.fork("own"), "case-owner");
      const store = await createStore(own);
      const file = await upload(own, "bread", TEXTS.bread);
      await add(own, store, file);
      let forks = 0;
      const other = () => asTenant(t.fork(`other-${forks++}`), "case-stranger");
      const attempts: readonly (readonly [string, string, Json?])[] = [
        ["GET", store],
        ["POST", store, { name: "mine" }],
        ["POST", `${store}/search`, { query: TEXTS.bread }],
        ["GET", `${store}/files`],
        ["POST", `${store}/files`, { file_id: file }],
        ["DELETE", `${store}/files/${file}`],
        ["GET", `/v1/files/${file}`],
        ["GET", `/v1/files/${file}/content`],
        ["DELETE", `/v1/files/${file}`],
        ["DELETE", store],
      ];
      for (const [method, path, body] of attempts) {
        const { status } = await call(other(), method, path, body);
        t.equal(`${method} ${path.replace(store, "STORE").replace(file, "FILE")}`, 404, status);
      }
      const tools = [{ type: "file_search", vector_store_ids: [store.split("/").at(-1)] }];
      const used: Transcript = await other().ask(creation(t, { tools, tool_choice: "none" }));
      // Some look when the model searches, and find nothing then.
      if (used.head?.status !== 200) refused(t, used, [400, 404], "file_search");
      const kept = await search(asTenant(t.fork("again"), "case-owner"), store, TEXTS.bread);
      t.equal("still there for its owner", file, kept[0]?.file_id);
    },
  }),
];

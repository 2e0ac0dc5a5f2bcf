/** Journeys through a real Envoy: files and vector stores with the official JavaScript client. */
import { responsesProfile } from "../../gateway/profiles/mod.ts";
import assert from "node:assert/strict";
import { OpenAI, type Wire } from "../../openai/testing/sdk.ts";
import type { Gateway } from "../../gateway/mod.ts";
import { startTestGateway } from "../testing/stack.ts";

/** The client asks again after this many milliseconds until a file is indexed. */
const POLL = { pollIntervalMs: 50 };

function clientOf(gateway: Gateway): OpenAI {
  return new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "demo-key", maxRetries: 0 });
}

async function pdf(): Promise<File> {
  const bytes = await Deno.readFile(new URL("../testdata/whale.pdf", import.meta.url));
  return new File([bytes], "whale.pdf", { type: "application/pdf" });
}

const text = (name: string, words: string) => new File([words], name, { type: "text/plain" });

Deno.test("files are uploaded into a vector store, searched, filtered and cited", async () => {
  await using gateway = await startTestGateway({ profile: responsesProfile() });
  const client = clientOf(gateway);
  const store = await client.vectorStores.create({ name: "animals", metadata: { kind: "test" } });
  const batch = await client.vectorStores.fileBatches.uploadAndPoll(store.id, {
    files: [await pdf(), text("ant.md", "# Ants\nAn ant is small."), text("broken.json", "{")],
  }, POLL);
  assert.deepEqual(batch.file_counts, {
    in_progress: 0,
    completed: 2,
    failed: 1,
    cancelled: 0,
    total: 3,
  });
  const fox = await client.vectorStores.files.uploadAndPoll(
    store.id,
    text("fox.txt", "The quick brown fox jumps."),
    POLL,
  );
  assert.equal(fox.status, "completed");
  await client.vectorStores.files.update(fox.id, {
    vector_store_id: store.id,
    attributes: { legs: 4 },
  });

  const failed = await client.vectorStores.files.list(store.id, { filter: "failed" });
  assert.deepEqual(failed.data.map(({ last_error }: Wire) => last_error?.code), ["invalid_file"]);
  const content = await client.vectorStores.files.content(fox.id, { vector_store_id: store.id });
  assert.deepEqual(content.data, [{ type: "text", text: "The quick brown fox jumps." }]);

  const search = async (query: string, more: object = {}) => {
    const page = await client.vectorStores.search(store.id, { query, ...more });
    return page.data.map(({ filename }: Wire) => filename);
  };
  assert.equal((await search("whale"))[0], "whale.pdf");
  assert.equal((await search("ants"))[0], "ant.md");
  const filters = { type: "gte", key: "legs", value: 4 } as const;
  assert.deepEqual(await search("whale", { filters }), ["fox.txt"]);
  assert.deepEqual(await search("fox", { max_num_results: 1 }), ["fox.txt"]);
  await assert.rejects(search("x", { filters: { type: "like", key: "a", value: 1 } }), {
    name: "Error",
    status: 400,
    message: /filter/,
  });

  const answer = await client.responses.create({
    model: "m",
    input: "Use file_search: quick brown fox",
    tools: [{ type: "file_search", vector_store_ids: [store.id], filters }],
    include: ["file_search_call.results"],
  });
  const call = answer.output.find((item: Wire) => item.type === "file_search_call");
  assert.deepEqual(call?.results?.map(({ file_id, filename }: Wire) => [file_id, filename]), [
    [fox.id, "fox.txt"],
  ]);

  await client.files.delete(fox.id);
  assert.deepEqual(await search("fox", { filters }), []);
  assert.equal((await client.vectorStores.retrieve(store.id)).file_counts.total, 3);
  assert.equal((await client.vectorStores.delete(store.id)).deleted, true);
  await assert.rejects(client.vectorStores.retrieve(store.id), OpenAI.NotFoundError);
});

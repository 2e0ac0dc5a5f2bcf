import assert from "node:assert/strict";
import { backendEmbedder, embedderOf, type EmbeddingBackend, hashedEmbedder } from "./embedder.ts";
import { hashedEmbedding } from "./hashed_embedding.ts";
import { cosine } from "./testing.ts";

type State = Awaited<ReturnType<EmbeddingBackend["state"]>>;

function fakeBackend(models: string[] = [], dimensions: (text: string) => number = () => 2) {
  const batches: string[][] = [];
  const state: { now: State } = { now: { reachable: true, models } };
  const backend: EmbeddingBackend = {
    embed(model, texts) {
      batches.push([model, ...texts]);
      return Promise.resolve(texts.map((text) => new Float32Array(dimensions(text)).fill(1)));
    },
    state: () => Promise.resolve(state.now),
  };
  return { backend, batches, state };
}

Deno.test("hashed embeddings are unit vectors, the same every time, and alike when words are shared", () => {
  const embed = (text: string) => hashedEmbedding(text, 384);
  const fox = embed("The quick brown fox jumps over the lazy dog");
  assert.deepEqual(fox, embed("The quick brown fox jumps over the lazy dog"));
  assert.ok(Math.abs(Math.hypot(...fox) - 1) < 1e-5);
  const near = cosine(fox, embed("A brown fox was jumping over dogs"));
  const far = cosine(fox, embed("Quarterly revenue of the insurance branch"));
  assert.ok(near > 0.3 && near > far + 0.2, `${near} ${far}`);
  assert.deepEqual([...embed("…")], [...new Float32Array(384)]);
});

Deno.test("texts go to the model server in batches, in their order, an empty one as a space", async () => {
  const { backend, batches } = fakeBackend([], () => 3);
  const texts = Array.from({ length: 130 }, (_, at) => at === 5 ? "" : `text ${at}`);
  const vectors = await backendEmbedder(backend, "m").embed(texts);
  assert.equal(vectors.length, 130);
  assert.deepEqual(batches.map(({ length }) => length - 1), [64, 64, 2]);
  assert.equal(batches[0]?.[6], " ");
  assert.deepEqual(batches.flatMap(([, ...sent]) => sent).toSpliced(5, 1, ""), texts);
});

Deno.test("a model server that answers too few vectors, or of different lengths, is named", async () => {
  const { backend } = fakeBackend([], (text) => text.length);
  await assert.rejects(
    backendEmbedder(backend, "m").embed(["a", "bb"]),
    /embeddings \(model m\) are 2 vectors for 2 texts, or of different/,
  );
});

const CHOICES: readonly [string, string[], string | undefined, string][] = [
  [
    "OpenAI's small model is preferred",
    ["gpt-4o", "text-embedding-3-large", "text-embedding-3-small"],
    undefined,
    "text-embedding-3-small",
  ],
  [
    "an embedding model is known by its name",
    ["llama3.2", "nomic-embed-text:latest"],
    undefined,
    "nomic-embed-text:latest",
  ],
  ["without an embedding model texts are hashed", ["llama3.2"], undefined, "hashed-384"],
  ["a model that is named is taken", ["llama3.2"], "mine", "mine"],
  ["none is none", ["text-embedding-3-small"], "none", "hashed-384"],
];

for (const [name, models, model, expected] of CHOICES) {
  Deno.test(`embedder: ${name}`, async () => {
    const { backend } = fakeBackend(models);
    assert.equal((await embedderOf(backend, { model })()).model, expected);
  });
}

Deno.test("a model server that is down is no reason to hash: it is asked again", async () => {
  const { backend, state } = fakeBackend(["nomic-embed-text"]);
  const embedder = embedderOf(backend, {});
  state.now = { reachable: false, models: [], error: "connection refused" };
  await assert.rejects(
    embedder(),
    /\(connection refused\): .*search\.embedding_model/,
  );
  state.now = { reachable: false, models: [], error: "status 503" };
  await assert.rejects(embedder(), /status 503/);
  state.now = { reachable: true, models: ["nomic-embed-text"] };
  assert.equal((await embedder()).model, "nomic-embed-text");
});

Deno.test("the hashed embedder has as many dimensions as it is told", async () => {
  const [vector] = await hashedEmbedder(100).embed(["a word"]);
  assert.equal(vector?.length, 100);
});

Deno.test("a model server that has no list of models has no embedding model either", async () => {
  const { backend, state } = fakeBackend();
  state.now = { reachable: false, models: [], error: "status 404" };
  assert.equal((await embedderOf(backend, {})()).model, "hashed-384");
});

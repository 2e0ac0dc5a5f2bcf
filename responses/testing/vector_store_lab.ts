/** A gateway with vector stores for tests, without sockets. */
import assert from "node:assert/strict";
import { vectorStores } from "../resources/vector_stores.ts";
import { type EmbeddingBackend, type Search, startSearch } from "../search/mod.ts";
import { startTestApp, type TestApp } from "./app.ts";

/** A model server without an embedding model: words are hashed. */
export const BACKEND = {
  embed: () => Promise.reject(new Error("not asked for")),
  state: () => Promise.resolve({ reachable: true, models: ["chat"] }),
};

/** The HTTP front with vector stores, called without a socket. */
export interface VectorStoreLab extends AsyncDisposable {
  readonly app: TestApp;
  readonly search: Search;
  readonly call: TestApp["call"];
  /** Makes a store, and returns its path. */
  store(body?: object, tenant?: string): Promise<string>;
}

/** Starts it on a SQLite file of its own. */
export async function vectorStoreLab(
  backend: EmbeddingBackend = BACKEND,
): Promise<VectorStoreLab> {
  await using stack = new AsyncDisposableStack();
  let search: Search | undefined;
  const failures: unknown[] = [];
  const app = stack.use(
    await startTestApp({
      resources: async ({ store, blobs, clock }) => {
        const now = () => clock.now;
        const onError = (error: unknown) => failures.push(error);
        search = await startSearch({ store, blobs, backend, now, onError });
        return [vectorStores({ store, search, now })];
      },
    }),
  );
  assert.ok(search);
  stack.use(search);
  const owned = stack.move();
  return {
    app,
    search,
    call: app.call,
    async store(body, tenant) {
      const made = await app.call("POST", "/v1/vector_stores", body ?? {}, tenant);
      assert.equal(made.status, 200, JSON.stringify(made.body));
      return `/v1/vector_stores/${made.body.id}`;
    },
    async [Symbol.asyncDispose]() {
      await owned.disposeAsync();
      assert.deepEqual(failures, []);
    },
  };
}

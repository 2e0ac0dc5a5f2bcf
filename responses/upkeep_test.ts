import assert from "node:assert/strict";
import { startTestApp, type TestApp } from "./testing/app.ts";
import { aVectorStore, aVectorStoreFile } from "./testing/objects.ts";
import { startUpkeep, type Upkeep } from "./upkeep.ts";

/** Upkeep on the app's clock, with a timer that the test turns. */
function upkeepOf(app: TestApp, errors: unknown[] = []): Upkeep & { readonly tick: () => void } {
  const works = new Set<() => void>();
  const upkeep = startUpkeep({
    store: app.store,
    blobs: app.blobs,
    now: () => app.clock.now,
    schedule: (work) => {
      works.add(work);
      return { [Symbol.dispose]: () => void works.delete(work) };
    },
    onError: (error) => errors.push(error),
  });
  return { ...upkeep, tick: () => works.forEach((work) => work()) };
}

const AN_HOUR = {
  purpose: "vision",
  "expires_after[anchor]": "created_at",
  "expires_after[seconds]": "3600",
};

async function blob(app: TestApp, id: string): Promise<string | undefined> {
  const body = await app.blobs.get(id);
  return body && await new Response(body).text();
}

Deno.test("a file expires by itself, not a second early, and its bytes go with it", async () => {
  await using app = await startTestApp();
  await using upkeep = upkeepOf(app);
  const id = await app.upload("secret", AN_HOUR, "a");
  const kept = await app.upload("kept", { purpose: "vision" }, "a");
  app.clock.now += 3599;
  await upkeep.run();
  assert.equal((await app.call("GET", `/v1/files/${id}`, undefined, "a")).status, 200);
  app.clock.now += 1;
  upkeep.tick();
  await upkeep.run();
  assert.equal((await app.call("GET", `/v1/files/${id}`, undefined, "a")).status, 404);
  assert.equal(await blob(app, id), undefined);
  assert.equal(await blob(app, kept), "kept");
});

Deno.test("hundreds of files expire in one round", async () => {
  await using app = await startTestApp();
  await using upkeep = upkeepOf(app);
  await Promise.all(Array.from({ length: 250 }, () => app.upload("x", AN_HOUR)));
  app.clock.now += 3600;
  await upkeep.run();
  assert.deepEqual((await app.call("GET", "/v1/files")).body.data, []);
  assert.deepEqual(await app.store.files.garbage(app.clock.now, 1000), []);
});

Deno.test("a vector store expires by itself: it stays to be seen, without its content", async () => {
  await using app = await startTestApp();
  await using upkeep = upkeepOf(app);
  const { vectorStores } = app.store;
  const store = aVectorStore({ expires_after: { anchor: "last_active_at", days: 1 } });
  await vectorStores.create("a", store);
  const file = aVectorStoreFile();
  await vectorStores.putFiles("a", store.id, [file]);
  const chunks = [{ index: 0, start: 0, text: "x", embedding: Int16Array.of(1) }];
  const done = { ...file, status: "completed" as const };
  await vectorStores.finishFile("a", store.id, done, { chunks, embedder: "e" });
  app.clock.now += 86_399;
  await upkeep.run();
  assert.equal((await vectorStores.get("a", store.id))?.status, "completed");
  app.clock.now += 1;
  await upkeep.run();
  assert.equal((await vectorStores.get("a", store.id))?.status, "expired");
  assert.deepEqual(await vectorStores.fileChunks("a", store.id, file.id, 0, 10), []);
});

Deno.test("bytes of an upload that never ended are removed an hour later", async () => {
  await using app = await startTestApp();
  await using upkeep = upkeepOf(app);
  // As a process leaves it that dies between writing the bytes and the row.
  await app.store.files.reserve("file_lost", app.clock.now + 3600);
  await app.blobs.put("file_lost", new Blob(["lost"]).stream(), 100);
  app.clock.now += 3599;
  await upkeep.run();
  assert.equal(await blob(app, "file_lost"), "lost");
  app.clock.now += 1;
  await upkeep.run();
  assert.equal(await blob(app, "file_lost"), undefined);
});

Deno.test("a step that fails is told of, does not hold up the others, and is done the next time", async () => {
  await using app = await startTestApp();
  const errors: unknown[] = [];
  let broken = true;
  const blobs = {
    ...app.blobs,
    delete: (key: string) =>
      broken ? Promise.reject(new Error("the disk is away")) : app.blobs.delete(key),
  };
  await using upkeep = upkeepOf({ ...app, blobs }, errors);
  const id = await app.upload("x", AN_HOUR);
  app.clock.now += 3600;
  await upkeep.run();
  assert.deepEqual(errors.map((error) => (error as Error).message), ["the disk is away"]);
  assert.equal(await blob(app, id), "x");
  broken = false;
  await upkeep.run();
  assert.equal(await blob(app, id), undefined);
});

Deno.test("disposed upkeep does nothing more", async () => {
  await using app = await startTestApp();
  const upkeep = upkeepOf(app);
  const id = await app.upload("x", AN_HOUR);
  await upkeep[Symbol.asyncDispose]();
  app.clock.now += 3600;
  upkeep.tick();
  assert.equal((await app.call("GET", `/v1/files/${id}`)).status, 200);
});

import assert from "node:assert/strict";
import { Journal } from "../../../service/mod.ts";
import { type ApiServer, sliceOf, startApiServer } from "../testing/api_server.ts";
import type { EndpointSlice } from "./endpoint_slices.ts";
import { reflect } from "./reflector.ts";

const PATH = "/apis/discovery.k8s.io/v1/namespaces/models/endpointslices";
/** A running copy of the server's collection, and the waits that it asked for, which take no time. */
function follow(server: ApiServer) {
  const end = new AbortController();
  const states = new Journal<string>({ limit: 1_000 });
  const lines: string[] = [];
  const waits: number[] = [];
  const running = reflect<EndpointSlice>({
    collection: {
      access: {
        server: new URL(server.url),
        tls: {},
        namespace: "models",
        token: () => Promise.resolve("secret"),
      },
      path: PATH,
      labelSelector: "app=vllm",
    },
    onChange: (slices) => states.append(slices.map(({ metadata }) => metadata.name).join(" ")),
    log: (line) => lines.push(line),
    signal: end.signal,
    backoff: { firstMs: 1_000, longestMs: 3_000 },
    wait: async (ms) => {
      waits.push(ms);
      await new Promise((resolve) => setTimeout(resolve));
    },
  });
  return {
    lines,
    waits,
    states,
    /** Resolves once the copy holds these, in the order that they came. */
    holds: (names: string) => states.waitFor(() => states.entries().at(-1) === names),
    async [Symbol.asyncDispose]() {
      end.abort();
      await running;
    },
  };
}

Deno.test("a list is followed by a watch from its version, with selector and token", async () => {
  await using server = startApiServer();
  server.put(sliceOf("a", 8000, "10.0.0.1"));
  await using copy = follow(server);
  await copy.holds("a");
  const watch = await server.asked("watch", 1);
  assert.equal(watch.path, PATH);
  assert.equal(watch.authorization, "Bearer secret");
  assert.equal(watch.query.get("labelSelector"), "app=vllm");
  assert.equal(watch.query.get("allowWatchBookmarks"), "true");
  assert.equal(watch.query.get("resourceVersion"), "101");
  assert.ok(Number(watch.query.get("timeoutSeconds")) >= 300);
});

Deno.test("objects that are added, changed and deleted are followed", async () => {
  await using server = startApiServer();
  await using copy = follow(server);
  await server.asked("watch", 1);
  server.put(sliceOf("a", 8000, "10.0.0.1"));
  await copy.holds("a");
  server.put(sliceOf("b", 8000, "10.0.0.2"));
  await copy.holds("a b");
  server.remove("a");
  await copy.holds("b");
  assert.deepEqual(copy.lines, []);
});

Deno.test("a long list is read page by page", async () => {
  await using server = startApiServer({ pageSize: 2 });
  for (const name of ["a", "b", "c", "d", "e"]) server.put(sliceOf(name, 1, "10.0.0.1"));
  await using copy = follow(server);
  await copy.holds("a b c d e");
  assert.equal((await server.asked("list", 3)).query.get("continue"), "4");
});

Deno.test("a watch that ends is resumed from the last event, without a list", async () => {
  await using server = startApiServer();
  await using copy = follow(server);
  await server.asked("watch", 1);
  server.put(sliceOf("a", 8000, "10.0.0.1"));
  await copy.holds("a");
  server.endWatches();
  // Missed by no watch, whenever it begins.
  server.put(sliceOf("b", 8000, "10.0.0.2"));
  await copy.holds("a b");
  const second = await server.asked("watch", 2);
  assert.equal(second.query.get("resourceVersion"), "101");
  assert.equal(server.requests.entries().filter(({ kind }) => kind === "list").length, 1);
});

Deno.test("a bookmark is where a broken watch is resumed from", async () => {
  await using server = startApiServer();
  await using copy = follow(server);
  await server.asked("watch", 1);
  server.put(sliceOf("a", 8000, "10.0.0.1"));
  await copy.holds("a");
  const version = server.bookmark();
  // An event behind the bookmark proves that the bookmark was read.
  server.put(sliceOf("b", 8000, "10.0.0.2"));
  await copy.holds("a b");
  const behind = server.bookmark();
  assert.ok(Number(behind) > Number(version));
  server.endWatches();
  const second = await server.asked("watch", 2);
  assert.equal(second.query.get("resourceVersion"), behind);
});

Deno.test("a broken watch is said, and resumed", async () => {
  await using server = startApiServer();
  await using copy = follow(server);
  await server.asked("watch", 1);
  server.put(sliceOf("a", 8000, "10.0.0.1"));
  await copy.holds("a");
  server.breakWatches();
  await server.asked("watch", 2);
  server.put(sliceOf("b", 8000, "10.0.0.2"));
  await copy.holds("a b");
  assert.match(copy.lines[0] ?? "", /^Cannot follow \/apis\/discovery/);
  assert.equal(server.requests.entries().filter(({ kind }) => kind === "list").length, 1);
});

for (const inEvent of [true, false]) {
  const how = inEvent ? "by an event" : "by status 410";
  Deno.test(`a version that is too old, told ${how}, is followed by a new list`, async () => {
    await using server = startApiServer();
    server.put(sliceOf("a", 8000, "10.0.0.1"));
    await using copy = follow(server);
    await server.asked("watch", 1);
    server.refuseNext(410, { inEvent });
    server.endWatches();
    server.put(sliceOf("b", 8000, "10.0.0.2"));
    await server.asked("list", 2);
    await copy.holds("a b");
    await server.asked("watch", 3);
    assert.match(copy.lines[0] ?? "", /has forgotten where the watch was/);
    assert.equal(copy.waits[1], 0, "being forgotten once is no failure");
  });
}

Deno.test("what was deleted while nobody watched is gone after a new list", async () => {
  await using server = startApiServer();
  server.put(sliceOf("a", 8000, "10.0.0.1"));
  server.put(sliceOf("b", 8000, "10.0.0.2"));
  await using copy = follow(server);
  await server.asked("watch", 1);
  server.remove("a");
  await copy.holds("b");
  server.put(sliceOf("a", 8000, "10.0.0.1"));
  await copy.holds("b a");
  server.refuseNext(410);
  server.endWatches();
  server.remove("b");
  await copy.holds("a");
});

/** Asserts that each wait is between its base and twice as long. */
function assertBackoff(waits: readonly number[], bases: readonly number[]): void {
  assert.equal(waits.length, bases.length);
  for (const [index, base] of bases.entries()) {
    const wait = waits[index] ?? 0;
    assert.ok(wait >= base && wait <= 2 * base, `wait ${index}: ${wait}, expected from ${base}`);
  }
}

Deno.test("refused requests are tried again, later and later, each reason said once", async () => {
  await using server = startApiServer();
  for (const code of [500, 500, 503]) server.refuseNext(code);
  server.refuseNext(429, { headers: { "retry-after": "60" } });
  server.put(sliceOf("a", 8000, "10.0.0.1"));
  await using copy = follow(server);
  await copy.holds("a");
  assert.deepEqual(copy.lines.map((line) => line.slice(line.lastIndexOf("("))), [
    "(500)",
    "(503)",
    "(429)",
  ]);
  assertBackoff(copy.waits.slice(0, 3), [1_000, 2_000, 3_000]);
  assert.equal(copy.waits[3], 60_000, "as long as the API asks for");
});

Deno.test("an API that ends every watch at once is not asked without a pause", async () => {
  await using server = startApiServer();
  await using copy = follow(server);
  for (let i = 1; i < 6; i++) {
    await server.asked("watch", i);
    server.endWatches();
  }
  await server.asked("watch", 6);
  assertBackoff(copy.waits, [1_000, 2_000, 3_000, 3_000, 3_000]);
  assert.equal(server.requests.entries().filter(({ kind }) => kind === "list").length, 1);
  assert.deepEqual(copy.lines, []);
});

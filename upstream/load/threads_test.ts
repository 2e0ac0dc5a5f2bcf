import assert from "node:assert/strict";
import { UnavailableError, UsageError } from "../../service/mod.ts";
import { startUpstreamThreads, type UpstreamExchange } from "../mod.ts";
import { chunksOf, RawClient, request } from "../testing/raw_client.ts";

const CHAT = JSON.stringify({
  model: "m",
  stream: true,
  messages: [{ role: "user", content: "Hi" }],
});

/** Connections enough that the kernel hardly gives them all to one of two listeners: 1 in 2^31. */
const CONNECTIONS = 32;

Deno.test("threads share a port, answer the same bytes, and report each exchange once", async () => {
  const ended: UpstreamExchange[] = [];
  const all = Promise.withResolvers<void>();
  const before = performance.now();
  await using upstream = await startUpstreamThreads({
    threads: 2,
    pace: { ttft: 0, itl: 0, burst: 1 },
    onEnd(exchange) {
      ended.push(exchange);
      if (ended.length === CONNECTIONS) all.resolve();
    },
  });
  const bodies = await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    await using client = await RawClient.connect(upstream.port);
    client.send(request("/v1/chat/completions", { body: CHAT }));
    const text = await client.until((seen) => seen.endsWith("0\r\n\r\n"));
    return text.slice(text.indexOf("\r\n\r\n"));
  }));
  assert.equal(new Set(bodies).size, 1);
  await all.promise;
  // Each thread counts its own connections from 1 on: with one thread, no number would come twice.
  assert.ok(new Set(ended.map(({ connection }) => connection)).size < CONNECTIONS);
  for (const { end, events, receivedAt, endedAt = 0, eventTimes } of ended) {
    assert.equal(end, "completed");
    assert.equal(events, chunksOf(bodies[0] ?? "").length);
    assert.deepEqual(eventTimes, []);
    // On this thread's clock, and not on the worker's own, which began later.
    assert.ok(before < receivedAt && receivedAt <= endedAt, `${before} ${receivedAt} ${endedAt}`);
  }
  await assert.rejects(
    startUpstreamThreads({ threads: 2, port: upstream.port }),
    (error) => error instanceof UnavailableError && /the port is taken by/.test(error.message),
  );
});

Deno.test("a scenario that is wrong keeps threads from starting", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/wrong.yaml`, "steps: 3\n");
    await assert.rejects(
      startUpstreamThreads({ threads: 1, scenarios: folder }),
      (error) => error instanceof UsageError && /wrong\.yaml/.test(error.message),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("threads that are stopped leave the port, and report what was cut off", async () => {
  const ended: UpstreamExchange[] = [];
  const upstream = await startUpstreamThreads({ threads: 1, onEnd: (one) => ended.push(one) });
  const { port } = upstream;
  const script = btoa(JSON.stringify({ steps: [{ event: { data: "1" } }, { hang: true }] }))
    .replaceAll("=", "");
  await using client = await RawClient.connect(port);
  client.send(request("/v1/chat/completions", { headers: { "x-mock-script": script } }));
  await client.until((seen) => seen.includes("data: 1"));
  await upstream[Symbol.asyncDispose]();
  await client.ended();
  assert.equal(ended.length, 1);
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

import assert from "node:assert/strict";
import type { Methods } from "./testdata/worker.ts";
import { startWorker } from "./worker.ts";

const MODULE = "service/testdata/worker.ts";

Deno.test("a worker answers calls, each with its own answer, and buffers change hands", async () => {
  using worker = await startWorker<Methods>(MODULE);
  const given = new Float32Array([1, 2]);
  const answers = await Promise.all([
    worker.call("double", given, [given.buffer]),
    worker.call("double", new Float32Array([3])),
  ]);
  assert.deepEqual(answers, [new Float32Array([2, 4]), new Float32Array([6])]);
  assert.equal(given.length, 0);
});

Deno.test("an error of a worker's method keeps its name and message; the worker lives on", async () => {
  using worker = await startWorker<Methods>(MODULE);
  await assert.rejects(worker.call("fail", "too large"), {
    name: "RangeError",
    message: "too large",
  });
  assert.deepEqual(
    await worker.call("double", new Float32Array([1])),
    new Float32Array([2]),
  );
});

Deno.test("a worker that dies rejects what waits for it, and every later call", async () => {
  using worker = await startWorker<Methods>(MODULE);
  const waiting = assert.rejects(worker.call("never", undefined), /out of order/);
  await assert.rejects(
    worker.call("crash", undefined),
    /The worker service\/testdata\/worker\.ts failed: .*out of order/,
  );
  await waiting;
  await assert.rejects(worker.call("double", new Float32Array([1])), /out of order/);
});

Deno.test("a worker that was ended rejects what waits for it", async () => {
  const worker = await startWorker<Methods>(MODULE);
  const waiting = worker.call("never", undefined);
  worker[Symbol.dispose]();
  await assert.rejects(waiting, /was ended/);
});

Deno.test("in a binary a worker is started from the text that the bundle carries", async () => {
  const text =
    'onmessage = ({ data: { id, argument } }) => postMessage({ id, result: argument + "!" });';
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  const program = new Uint8Array(await new Response(packed).arrayBuffer()).toBase64();
  const scope = globalThis as { LLMGATE_WORKERS?: Record<string, string> };
  scope.LLMGATE_WORKERS = { "a/worker.ts": program };
  try {
    using worker = await startWorker<{ shout(word: string): string }>("a/worker.ts");
    assert.equal(await worker.call("shout", "hello"), "hello!");
    await assert.rejects(startWorker("b/worker.ts"), /does not carry the worker b\/worker\.ts/);
  } finally {
    delete scope.LLMGATE_WORKERS;
  }
});

import assert from "node:assert/strict";
import { UsageError } from "./errors.ts";
import type { Methods } from "./testdata/worker.ts";
import { startWorker } from "./worker.ts";

const MODULE = "service/testdata/worker.ts";

Deno.test("a worker answers calls, each with its own answer, and buffers change hands", async () => {
  using worker = startWorker<Methods>(MODULE);
  const given = new Float32Array([1, 2]);
  const answers = await Promise.all([
    worker.call("double", given, [given.buffer]),
    worker.call("double", new Float32Array([3])),
  ]);
  assert.deepEqual(answers, [new Float32Array([2, 4]), new Float32Array([6])]);
  assert.equal(given.length, 0);
});

Deno.test("an error of a worker's method keeps its name and message; the worker lives on", async () => {
  using worker = startWorker<Methods>(MODULE);
  await assert.rejects(worker.call("fail", "too large"), {
    name: "RangeError",
    message: "too large",
  });
  await assert.rejects(worker.call("refuse", "not so"), UsageError);
  assert.deepEqual(
    await worker.call("double", new Float32Array([1])),
    new Float32Array([2]),
  );
});

Deno.test("a worker that dies rejects what waits for it, and every later call", async () => {
  using worker = startWorker<Methods>(MODULE);
  const waiting = assert.rejects(worker.call("never", undefined), /out of order/);
  await assert.rejects(
    worker.call("crash", undefined),
    /The worker service\/testdata\/worker\.ts failed: .*out of order/,
  );
  await waiting;
  await assert.rejects(worker.call("double", new Float32Array([1])), /out of order/);
});

Deno.test("a rejection that a worker leaves alone ends it, too", async () => {
  using worker = await startWorker<Methods>(MODULE);
  await assert.rejects(worker.call("slip", undefined), /failed: Error: left alone/);
});

Deno.test("a worker that was ended rejects what waits for it", async () => {
  const worker = startWorker<Methods>(MODULE);
  const waiting = worker.call("never", undefined);
  worker[Symbol.dispose]();
  await assert.rejects(waiting, /was ended/);
});

import assert from "node:assert/strict";
import { SharedLog } from "./shared_log.ts";
import type { Methods } from "./testdata/worker.ts";
import { startWorker } from "./worker.ts";

Deno.test("SharedLog gives each message once, in order, whatever its length", () => {
  const memory = SharedLog.memory(8);
  const [writer, reader] = [new SharedLog(memory), new SharedLog(memory)];
  // More than the ring holds in all, so that messages and lengths lie across its end.
  for (let n = 0; n < 300; n++) {
    writer.write({ n, text: "ü".repeat(n % 40) });
    if (n % 2 === 1) continue;
    writer.write(null);
    const read = reader.read();
    assert.deepEqual(read.at(-2), { n, text: "ü".repeat(n % 40) });
    assert.equal(read.at(-1), null);
  }
  assert.equal(reader.read().length, 1);
  assert.deepEqual(reader.read(), []);
});

Deno.test("SharedLog says that the reader has to be told once, until it has read", () => {
  const log = new SharedLog(SharedLog.memory(10));
  assert.deepEqual([log.write(1), log.write(2)], [true, false]);
  assert.deepEqual(log.read(), [1, 2]);
  assert.equal(log.write(3), true);
});

Deno.test("SharedLog refuses a message that it can never hold", () => {
  const log = new SharedLog(SharedLog.memory(4));
  assert.throws(() => log.write("longer than 16 bytes"), {
    name: "RangeError",
    message: "Cannot write the message: it must have at most 12 bytes: current value is 22",
  });
});

Deno.test("SharedLog makes a writer wait for room until another thread has read", async () => {
  const memory = SharedLog.memory(6);
  const log = new SharedLog(memory);
  using worker = startWorker<Methods>("service/testdata/worker.ts");
  await worker.call("double", new Float32Array());
  const read = worker.call("readAll", { memory, until: "last" });
  for (let n = 0; n < 200; n++) log.write(n);
  log.write("last");
  assert.deepEqual(await read, [...Array.from({ length: 200 }, (_, n) => n), "last"]);
});

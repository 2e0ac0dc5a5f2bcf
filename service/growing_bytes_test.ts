import assert from "node:assert/strict";
import { GrowingBytes } from "./growing_bytes.ts";

Deno.test("GrowingBytes holds what came byte by byte, in less than twice its size", () => {
  const gathered = new GrowingBytes();
  const read = new Uint8Array(64 * 1024).map((_, i) => i);
  for (let i = 0; i < 5000; i++) gathered.push(read.subarray(i, i + 1));
  assert.equal(gathered.length, 5000);
  const taken = gathered.take();
  assert.deepEqual(taken, read.slice(0, 5000));
  assert.ok(taken.buffer.byteLength < 10_000, `${taken.buffer.byteLength} bytes`);
  assert.equal(gathered.length, 0);
  gathered.push(new Uint8Array([7]));
  // What was taken is the taker's.
  assert.equal(taken[0], 0);
});

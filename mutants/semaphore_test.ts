import assert from "node:assert/strict";
import { Semaphore } from "./semaphore.ts";

Deno.test("Semaphore lets so many in, and the others in their order", async () => {
  const slots = new Semaphore(2);
  const entered: number[] = [];
  const enter = (n: number) => slots.take().then(() => void entered.push(n));
  const all = [1, 2, 3, 4].map(enter);
  await Promise.all(all.slice(0, 2));
  assert.deepEqual(entered, [1, 2]);
  slots.give();
  await all[2];
  assert.deepEqual(entered, [1, 2, 3]);
  slots.give();
  await all[3];
  slots.give();
  slots.give();
  await Promise.all([enter(5), enter(6)]);
  assert.deepEqual(entered, [1, 2, 3, 4, 5, 6]);
});

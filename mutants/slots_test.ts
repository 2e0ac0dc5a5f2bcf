import assert from "node:assert/strict";
import { Slots } from "./slots.ts";

Deno.test("Slots lets so many in, and the others in their order", async () => {
  const slots = new Slots(2);
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

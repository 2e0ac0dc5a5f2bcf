import assert from "node:assert/strict";
import { itemId, newId } from "./id.ts";

Deno.test("ids are different, well-formed, and in the order of their time", () => {
  const ids = Array.from({ length: 2_000 }, () => newId("resp"));
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^resp_[0-9a-f]{32}$/);
  const times = ids.map((id) => id.slice(0, 17));
  assert.deepEqual(times.toSorted(), times);
  const made = parseInt(ids[0]?.slice(5, 17) ?? "", 16);
  assert.ok(Math.abs(Date.now() - made) < 3_600_000);
});

Deno.test("an item's id has the prefix of its type", () => {
  assert.match(itemId("message"), /^msg_/);
  assert.match(itemId("constructor"), /^item_/);
});

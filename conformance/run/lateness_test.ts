import assert from "node:assert/strict";
import { Lateness } from "./lateness.ts";

Deno.test("Lateness tells how long the thread could not run, and when", () => {
  let time = 1_000;
  using lateness = new Lateness(() => time);
  time += 130;
  assert.equal(lateness.worstSince(1_000), 120);
  time += 1;
  assert.equal(lateness.worstSince(time), 0);
  assert.equal(lateness.worstSince(1_000), 120);
});

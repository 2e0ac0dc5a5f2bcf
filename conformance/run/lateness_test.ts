import assert from "node:assert/strict";
import { now } from "../../service/mod.ts";
import { Lateness } from "./lateness.ts";

Deno.test("Lateness tells how long the thread could not run, and when", () => {
  using lateness = new Lateness();
  const began = now();
  while (now() < began + 120);
  assert.ok(lateness.worstSince(began) >= 100);
  assert.equal(lateness.worstSince(now()), 0);
});

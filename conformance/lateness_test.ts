import assert from "node:assert/strict";
import { Lateness } from "./lateness.ts";

Deno.test("Lateness tells once how long the thread could not run", () => {
  using lateness = new Lateness();
  const until = performance.now() + 120;
  while (performance.now() < until);
  assert.ok(lateness.take() >= 100);
  const again = lateness.take();
  assert.ok(again < 100, `${again}`);
});

import assert from "node:assert/strict";
import { Interruption } from "./interruption.ts";

Deno.test("one key press that arrives several times is one interruption", () => {
  const interruption = new Interruption();
  const arrivals = [1_000, 1_000.4, 1_030, 1_499].map((at) => interruption.arrive("SIGINT", at));
  assert.deepEqual(arrivals, ["first", "copy", "copy", "copy"]);
  assert.equal(interruption.code, 130);
});

Deno.test("a second key press is one, and so is any other signal, at once", () => {
  const pressed = new Interruption();
  assert.equal(pressed.arrive("SIGINT", 1_000), "first");
  assert.equal(pressed.arrive("SIGINT", 1_500), "second");
  const ended = new Interruption();
  assert.equal(ended.arrive("SIGINT", 1_000), "first");
  assert.equal(ended.arrive("SIGTERM", 1_001), "second");
  assert.equal(ended.code, 130, "the first one is the reason");
});

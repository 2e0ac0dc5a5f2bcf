// What the model says is in scenarios/.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ask } from "./ask.mjs";

test("the answer is the model's", async () => {
  assert.equal(await ask("How is the weather?"), "It is sunny.");
});

test("a busy model is asked again", async () => {
  assert.equal(await ask("Please hurry"), "At last.");
});

test("a question that nobody thought of fails, and says what comes nearest", async () => {
  await assert.rejects(ask("What is the time?"), /No scenario answers .* the nearest is "weather-/);
});

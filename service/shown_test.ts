import assert from "node:assert/strict";
import { harmless, shown } from "./mod.ts";

const HOSTILE = "\x1b]0;t\x07\x1b[2J\u009b31m\u202eX\u2028\r\n\tend";

Deno.test("shown() keeps a field on its line, and takes its power over a terminal", () => {
  assert.equal(
    shown(HOSTILE),
    "\\u001b]0;t\\u0007\\u001b[2J\\u009b31m\\u202eX\\u2028\\u000d\\u000a\\u0009end",
  );
  assert.equal(shown("Grüße, 世界 🙂 a\\b"), "Grüße, 世界 🙂 a\\b");
});

Deno.test("harmless() lets lines and colours be, and nothing else that moves a terminal", () => {
  assert.equal(harmless("\x1b[32mallow\x1b[39m\n\tnext"), "\x1b[32mallow\x1b[39m\n\tnext");
  assert.equal(
    harmless("a\x1b[2Jb\x1b]0;c\x07\rd\u009bm"),
    "a\\u001b[2Jb\\u001b]0;c\\u0007\\u000dd\\u009bm",
  );
});

Deno.test("harmless() leaves JSON the same JSON", () => {
  const line = JSON.stringify({ model: HOSTILE });
  assert.deepEqual(JSON.parse(harmless(line)), { model: HOSTILE });
  assert.equal(/[\u0080-\u009f\u202e]/.test(harmless(line)), false);
});

import assert from "node:assert/strict";
import { isTooDeep, MAX_JSON_DEPTH } from "./mod.ts";

const arrays = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

Deno.test("isTooDeep() counts levels of arrays and objects, and no brackets inside of strings", () => {
  assert.equal(isTooDeep(arrays(MAX_JSON_DEPTH)), false);
  assert.equal(isTooDeep(arrays(MAX_JSON_DEPTH + 1)), true);
  assert.equal(isTooDeep('{"a":'.repeat(MAX_JSON_DEPTH + 1)), true);
  assert.equal(isTooDeep(JSON.stringify(["[".repeat(1_000), `\\"${"{".repeat(1_000)}\\`])), false);
  assert.equal(isTooDeep(`["\\\\",${arrays(MAX_JSON_DEPTH)}]`), true);
  assert.equal(isTooDeep("[[],[]],".repeat(1_000)), false);
});

Deno.test("isTooDeep() ends with a text that is no JSON", () => {
  for (const text of ["", '"', '"\\', "\\\\".repeat(100_000), '"\\"'.repeat(100_000), "]]]]"]) {
    assert.equal(isTooDeep(text), false);
  }
});

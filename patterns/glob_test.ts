import assert from "node:assert/strict";
import { compileGlob, type GlobOptions } from "./mod.ts";

const ROWS: readonly (readonly [string, GlobOptions, string, boolean])[] = [
  ["sse.*", {}, "sse.cadence", true],
  ["sse.*", {}, "ssexcadence", false],
  ["*", {}, "", true],
  ["", {}, "a", false],
  ["a", {}, "a", true],
  ["a", {}, "ab", false],
  ["a*a", {}, "a", false],
  ["a*a", {}, "aa", true],
  ["*b*b", {}, "ab", false],
  ["*b*b", {}, "abcb", true],
  ["a**b", {}, "ab", true],
  ["*ab*ab*", {}, "abab", true],
  ["*ab*ab*", {}, "aba", false],
  ["GPT-*", { ignoreCase: true }, "gpt-4O", true],
  ["gpt-4?", {}, "gpt-4o", false],
  ["gpt-4?", { one: true }, "gpt-4o", true],
  ["*-?o*", { one: true }, "gpt-4o-mini", true],
  ["??", { one: true }, "a", false],
  ["a.*(x)+", {}, "a.b(x)+", true],
  ["a\n*", {}, "a\nb", true],
];

for (const [glob, options, text, fits] of ROWS) {
  Deno.test(`compileGlob(${JSON.stringify(glob)}) ${fits ? "takes" : "refuses"} ${JSON.stringify(text)}`, () => {
    assert.equal(compileGlob(glob, options)(text), fits);
  });
}

Deno.test("compileGlob() takes no second try at a text, however many stars there are", () => {
  const fits = compileGlob(`${"*a".repeat(50)}*b`, { one: true });
  assert.equal(fits("a".repeat(100_000)), false);
});

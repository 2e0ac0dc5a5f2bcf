import assert from "node:assert/strict";
import { compilePattern, loadPatterns } from "./mod.ts";
import { isSimple } from "./pattern.ts";

const WHOLE = { whole: true, flags: "s" };

/** Expressions over which a backtracking engine takes years, and a text that shows it. */
const CARELESS: readonly (readonly [source: string, text: string])[] = [
  ["(a+)+b", `${"a".repeat(50_000)}!`],
  ["(a|a)*b", `${"a".repeat(50_000)}!`],
  ["(a|aa)+", `${"a".repeat(50_000)}!`],
  ["(.*)*x", "a".repeat(50_000)],
  ["a*a*a*a*a*b", "a".repeat(50_000)],
  [".*.*.*=.*", "x".repeat(50_000)],
  ["([a-z]+)+@([a-z]+\\.)+com", "a".repeat(50_000)],
  ["(?:a?){40}a{40}", "a".repeat(39)],
  ["a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?aaaaaaaaaaaaaaa!", "a".repeat(40)],
  ["(\\w+\\s?)+!", "word ".repeat(10_000)],
  [`${"(?:a|[ab])".repeat(40)}c`, `${"a".repeat(40)}d`],
  ["a{0,90}a{0,90}a{0,90}a{0,90}a{0,90}b", "a".repeat(400)],
  [`a*${"(?:a|[ab])".repeat(12)}c`, "a".repeat(50_000)],
];

/** The same where an expression may begin anywhere. */
const CARELESS_EVERYWHERE: readonly (readonly [source: string, text: string])[] = [
  ["[a]{1,100}[a]{1,100}[a]{1,100}b", "a".repeat(50_000)],
  ["a{1,100}a{100}b", "a".repeat(50_000)],
  [`${"(?:\\w|[a-z])".repeat(30)}!`, "a".repeat(50_000)],
  ["((a|b)|(a|c))((a|b)|(a|c))((a|b)|(a|c))x", "a".repeat(50_000)],
];

Deno.test("compilePattern() decides careless expressions without backtracking", async () => {
  await loadPatterns();
  for (const [source, text] of CARELESS) {
    assert.equal(isSimple(source, WHOLE), false, source);
    assert.equal(compilePattern(source, WHOLE).test(text), false, source);
  }
  // Tried at each place of a text, one repetition is enough for quadratic time.
  assert.equal(isSimple("a+b", {}), false);
  assert.equal(compilePattern("a+b").test("a".repeat(50_000)), false);
  for (const [source, text] of CARELESS_EVERYWHERE) {
    assert.equal(isSimple(source, {}), false, source);
    assert.equal(compilePattern(source).test(text), false, source);
  }
});

Deno.test("isSimple() leaves what people mostly write to the runtime", () => {
  for (
    const source of [
      "/v1/models/[a-z0-9-]+",
      "/v1/(?:chat|responses)/.*",
      "gpt-4o(-mini|-audio)",
      "[^/]{1,64}\\.json",
      "\\d{3}-\\d{4}x?",
      "[(+*]{2}",
    ]
  ) assert.ok(isSimple(source, WHOLE), source);
  assert.ok(isSimple("^/v1/.*", {}));
  assert.ok(!isSimple("^a|b+", {}));
});

Deno.test("compilePattern() means the same by either engine", async () => {
  await loadPatterns();
  const cases:
    readonly (readonly [string, { whole?: boolean; flags?: string }, string, boolean])[] = [
      ["(ab)+", { whole: true }, "abab", true],
      ["(ab)+", { whole: true }, "xabab", false],
      ["(ab)+", {}, "xababx", true],
      ["(AB)+", { flags: "i" }, "abab", true],
      ["(a.)+b", { whole: true, flags: "s" }, "a\nb", true],
      ["(a.)+b", { whole: true }, "a\nb", false],
      ["(é|ü)+", { whole: true }, "éüé", true],
      ["a.c", { whole: true }, "a😀c", true],
      ["(?:a.)+c", { whole: true }, "a😀c", true],
    ];
  for (const [source, options, text, matches] of cases) {
    assert.equal(compilePattern(source, options).test(text), matches, `${source} ${text}`);
  }
});

Deno.test("compilePattern() refuses what RE2 does not know, and what is no expression", async () => {
  await loadPatterns();
  for (const source of ["(", "[a", "a**", "(?=a)b", "(?<!a)b", "(a)\\1", "a{2,1}"]) {
    assert.throws(() => compilePattern(source, WHOLE), SyntaxError, source);
  }
});

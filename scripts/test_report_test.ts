import assert from "node:assert/strict";
import { closingLine, countsOf, skippedOf, slowest, testsOf } from "./test_report.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="5" failures="1" errors="0" time="1.2">
    <testsuite name="./a_test.ts" tests="3" disabled="1" errors="0" failures="1">
        <testcase name="adds &lt;testsuite tests=&quot;9&quot;>" classname="./a_test.ts" time="0.200"></testcase>
        <testcase name="zsh is content (skipped: no zsh)" classname="./a_test.ts" time="0.000">
            <skipped/>
        </testcase>
        <testcase name="fails" classname="./a_test.ts" time="2.000">
            <failure message="no">says &quot;no&quot;</failure>
        </testcase>
    </testsuite>
    <testsuite name="./b_test.ts" tests="2" disabled="0" errors="0" failures="0">
        <testcase name="has a step" classname="./b_test.ts" time="1.500"></testcase>
        <testcase name="has a step &gt; the step" classname="./b_test.ts" time="1.400"></testcase>
    </testsuite>
</testsuites>`;

Deno.test("countsOf() adds up the suites of a JUnit report", () => {
  assert.deepEqual(countsOf(REPORT), { passed: 3, failed: 1, skipped: 1 });
});

Deno.test("countsOf() refuses what is no report", () => {
  assert.throws(() => countsOf("<html></html>"), SyntaxError);
});

Deno.test("closingLine() names skipped tests only when there are some", () => {
  assert.equal(closingLine({ passed: 3, failed: 0, skipped: 0 }), "3 passed, 0 failed");
  assert.equal(closingLine({ passed: 3, failed: 1, skipped: 2 }), "3 passed, 1 failed, 2 skipped");
});

Deno.test("slowest() names files and tests by their time, steps within their test", () => {
  assert.deepEqual(slowest(testsOf(REPORT), 2), [
    "slowest files:",
    "    2.2 s  a_test.ts",
    "    1.5 s  b_test.ts",
    "slowest tests:",
    "    2.0 s  fails",
    "    1.5 s  has a step",
  ]);
});

Deno.test("skippedOf() names each skipped test with its reason", () => {
  assert.deepEqual(skippedOf(testsOf(REPORT)), ["skipped:", "  zsh is content (skipped: no zsh)"]);
  assert.equal(testsOf(REPORT)[0]?.name, 'adds <testsuite tests="9">');
});

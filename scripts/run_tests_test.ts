import assert from "node:assert/strict";
import { closingLine, countsOf } from "./run_tests.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="5" failures="1" errors="0" time="1.2">
    <testsuite name="./a_test.ts" tests="3" disabled="1" errors="0" failures="1">
        <testcase name="adds &lt;testsuite tests=&quot;9&quot;>"></testcase>
    </testsuite>
    <testsuite name="./b_test.ts" tests="2" disabled="0" errors="0" failures="0"></testsuite>
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

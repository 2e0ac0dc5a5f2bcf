import assert from "node:assert/strict";
import type { Report } from "../../conformance/mod.ts";
import { renderVersions, runVersions, versionsExitCode, versionsJson } from "./versions.ts";

/** A report as far as a comparison looks at it. */
function reportOf(status: "pass" | "fail" | "warn", level = "must"): Report {
  return {
    cases: [{ id: "t.a", level, status, reason: status === "pass" ? "" : "why" }],
    problems: [],
    harness_faults: 0,
    duration_ms: 1_500,
    summary: {
      cases: 1,
      passed: Number(status === "pass"),
      failed: Number(status === "fail"),
      warned: Number(status === "warn"),
    },
  } as unknown as Report;
}

Deno.test("runVersions() runs one version after another", async () => {
  const running: string[] = [];
  const { reports } = await runVersions(["1.36.4", "1.40.0"], async (version) => {
    assert.equal(running.length, 0);
    running.push(version);
    await Promise.resolve();
    running.pop();
    return reportOf(version === "1.36.4" ? "fail" : "pass");
  });
  assert.deepEqual(reports.map(({ summary }) => summary.failed), [1, 0]);
});

Deno.test("versionsExitCode() is the worst run's; a SHOULD counts with --strict alone", () => {
  const code = (statuses: ("pass" | "fail" | "warn")[], strict = false) =>
    versionsExitCode({
      versions: statuses,
      reports: statuses.map((status) => reportOf(status)),
    }, { strict });
  assert.equal(code(["pass", "pass"]), 0);
  assert.equal(code(["pass", "fail"]), 1);
  assert.equal(code(["warn", "pass"]), 0);
  assert.equal(code(["warn", "pass"], true), 1);
});

Deno.test("the comparison says of each version what it said, as text and as JSON", () => {
  const runs = {
    versions: ["1.36.4", "1.40.0"],
    reports: [reportOf("warn", "should"), reportOf("pass", "should")],
  };
  const text = renderVersions(runs, { colour: false });
  assert.match(text, /^Envoy 1\.36\.4: 0 passed, 0 failed, 1 warned, of 1 cases, in 1\.5 s\n/);
  assert.match(text, /t\.a +should +warn +pass\n/);
  const json = JSON.parse(versionsJson(runs));
  assert.deepEqual(json.differing, [{
    id: "t.a",
    level: "should",
    verdicts: {
      "1.36.4": { status: "warn", reason: "why" },
      "1.40.0": { status: "pass", reason: "" },
    },
  }]);
  assert.equal(json.reports.length, 2);
});

import assert from "node:assert/strict";
import { disagreements, renderDisagreements } from "./compare.ts";
import type { Report } from "./report.ts";
import { runSuite } from "../run/runner.ts";
import { fakeTarget } from "../testing/fake_target.ts";

/** A run in which `t.a` holds and `t.b` says what it is told to. */
function run(second: boolean): Promise<Report> {
  const base = { level: "must", control: "none", requirement: "r", source: "s" } as const;
  return runSuite(fakeTarget().target, {
    cases: [
      { ...base, id: "t.a", run: (t) => Promise.resolve(void t.equal("a", 1, 1)) },
      { ...base, id: "t.b", run: (t) => Promise.resolve(void t.equal("b", true, second)) },
    ],
  });
}

Deno.test("disagreements() lists a verdict that is not the same everywhere, with each reason", async () => {
  const reports = [await run(true), await run(false), { ...await run(true), cases: [] }];
  assert.deepEqual(disagreements(reports), [
    { id: "t.a", level: "must", statuses: ["pass", "pass", "absent"], reasons: ["", "", ""] },
    { id: "t.b", level: "must", statuses: ["pass", "fail", "absent"], reasons: ["", "b", ""] },
  ]);
  assert.deepEqual(disagreements([await run(false), await run(false)]), []);
});

Deno.test("renderDisagreements() is a table with a column per run, or says that none differs", async () => {
  const text = renderDisagreements(["1.36.4", "1.40.0"], [await run(true), await run(false)]);
  assert.match(text, /^case +level +1\.36\.4 +1\.40\.0\nt\.b +must +pass +fail\n +1\.40\.0: b\n/);
  assert.match(text, /1 of 2 cases differ\n$/);
  const same = renderDisagreements(["a", "b"], [await run(true), await run(true)]);
  assert.equal(same, "no case differs between a, b\n");
});

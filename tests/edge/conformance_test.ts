/** The edge profile, judged by the suite. */
import assert from "node:assert/strict";
import { CASES, EDGE_CASES, exitCode, runSuite } from "../../conformance/mod.ts";
import { edgeVariants, startEdgeTarget } from "../../gateway/profiles/testing/targets.ts";
import { envoyPath, RUN_PARENTS } from "../testing/stack.ts";

Deno.test("the edge profile holds every MUST of the base profile, and of its own groups", async () => {
  const place = { envoyPath: await envoyPath(), runParents: RUN_PARENTS, quick: true };
  await using target = await startEdgeTarget({ ...place, variants: edgeVariants(place) });
  const report = await runSuite(target, { cases: [...CASES, ...EDGE_CASES] });
  const wrong = report.cases.filter(({ status }) => status === "fail");
  assert.deepEqual(wrong.map(({ id, checks }) => ({ id, checks })), []);
  const own = new Set(EDGE_CASES.map(({ id }) => id));
  const judged = report.cases.filter(({ id, status }) => own.has(id) && status === "pass");
  assert.equal(judged.length, EDGE_CASES.length);
  assert.equal(exitCode(report), 0);
});

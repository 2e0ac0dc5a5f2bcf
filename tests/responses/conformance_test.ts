/** The Responses profile, judged by the suite: with every witness, and by its URL alone. */
import assert from "node:assert/strict";
import { exitCode, RESPONSES_CASES, runSuite } from "../../conformance/mod.ts";
import { profileKind } from "../../gateway/profiles/mod.ts";
import { startResponsesTarget } from "../../gateway/profiles/testing/targets.ts";
import { foreignTarget } from "../../targets/mod.ts";
import { envoyPath, OLDER_ENVOY, RUN_PARENTS } from "../testing/stack.ts";

for (const version of [undefined, OLDER_ENVOY]) {
  Deno.test(`the Responses profile holds every MUST on Envoy ${version ?? "(default)"}`, async () => {
    await using target = await startResponsesTarget({
      envoyPath: await envoyPath(version),
      runParents: RUN_PARENTS,
    });
    const report = await runSuite(target, { cases: RESPONSES_CASES });
    const streams = RESPONSES_CASES.filter(({ feature }) => feature === "responses_stream");
    assert.deepEqual(
      report.cases.filter(({ status }) => status !== "pass" && status !== "unsupported"),
      [],
    );
    // A processor can stream an answer since Envoy 1.37.
    const expected = version === undefined ? 0 : streams.length;
    assert.equal(report.summary.unsupported, expected);
    assert.equal(exitCode(report), 0);
    if (version !== undefined) return;
    await using foreign = await foreignTarget({
      url: target.url,
      control: "none",
      credentials: target.credentials,
      shape: (await profileKind("responses").judge()).foreign({}),
      policyPort: 0,
      upstreamPort: 0,
    });
    const seen = await runSuite(foreign, { cases: RESPONSES_CASES });
    assert.equal(seen.summary.failed, 0);
    const visible = RESPONSES_CASES.filter(({ control }) => control === "none");
    assert.equal(seen.summary.passed, visible.length);
  });
}

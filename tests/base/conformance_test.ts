/** The suite on the bundled stack, a test step per case; on a small gateway, and on an engine alone. */
import assert from "node:assert/strict";
import {
  CASES,
  ENGINE_CASES,
  exitCode,
  policyEngineTarget,
  runSuite,
} from "../../conformance/mod.ts";
import { FREE_PORTS, type GatewayOptions, startGateway } from "../../gateway/mod.ts";
import { startSmallGateway } from "../../mutants/mod.ts";
import { startPolicy } from "../../policy/mod.ts";
import { checkVariants, ownTarget, TARGET_JOURNAL_LIMIT } from "../../targets/mod.ts";
import { envoyPath, OLDER_ENVOY, RUN_PARENTS } from "../testing/stack.ts";

async function gatewayOptions(
  version?: string,
): Promise<GatewayOptions & { scriptSecret: string }> {
  return {
    ports: FREE_PORTS,
    envoyPath: await envoyPath(version),
    runParents: RUN_PARENTS,
    scriptSecret: crypto.randomUUID(),
    // A case that is silent for 20 s must not lose its evidence to those beside it.
    journalLimit: TARGET_JOURNAL_LIMIT,
    graceMs: 0,
  };
}

for (const version of [undefined, OLDER_ENVOY]) {
  Deno.test(`the bundled stack holds every MUST on Envoy ${version ?? "(default)"}`, async (t) => {
    const options = await gatewayOptions(version);
    await using gateway = await startGateway(options);
    using target = ownTarget(gateway, { ...options, variants: checkVariants(options) });
    const report = await runSuite(target);
    for (const one of report.cases) {
      const left = one.status === "skip" || one.status === "unsupported";
      await t.step({
        name: left ? `${one.id} (skipped: ${one.reason})` : one.id,
        ignore: left,
        fn() {
          const wrong = one.checks.filter(({ ok }) => !ok);
          assert.ok(
            one.status === "pass" || one.status === "warn",
            `${one.reason}: ${JSON.stringify(wrong)}`,
          );
        },
      });
    }
    assert.equal(exitCode(report), 0);
    const measured = report.summary.passed + report.summary.warned;
    assert.ok(measured >= 150, `${measured} cases measured`);
    assert.equal(report.summary.cases, CASES.length);
  });
}

Deno.test("a small gateway that is not Envoy, and dials a lost engine slowly, passes the portable part", async () => {
  await using target = await startSmallGateway("small gateway", {}, { redialMs: 4_000 });
  const report = await runSuite(target);
  assert.deepEqual(
    report.cases.filter(({ status }) => status === "fail").map(({ id, reason }) =>
      `${id}: ${reason}`
    ),
    [],
  );
  assert.ok(report.summary.passed >= 120, `${report.summary.passed} passed`);
});

Deno.test("the policy stub alone holds every engine case", async () => {
  await using policy = await startPolicy({});
  await using target = policyEngineTarget(policy.address, {
    allow: [["x-api-key", "demo-key"]],
    deny: [["x-api-key", "wrong-key"]],
  });
  const report = await runSuite(target, { cases: ENGINE_CASES });
  assert.equal(report.summary.passed, ENGINE_CASES.length, JSON.stringify(report.summary));
});

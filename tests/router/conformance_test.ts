/** The router profile, judged by the suite. */
import assert from "node:assert/strict";
import { CASES, exitCode, ROUTER_CASES, runSuite } from "../../conformance/mod.ts";
import { bundledConfig, parseEnvoyConfig } from "../../envoy/mod.ts";
import { routerVariants, startRouterTarget } from "../../gateway/profiles/testing/targets.ts";
import { envoyPath, OLDER_ENVOY, RUN_PARENTS } from "../testing/stack.ts";

/**
 * The router decides on the thread that runs the suite, which a busy machine may keep waiting for longer than the 2 s
 * that Envoy gives a router. No case is about that limit.
 */
const { text } = bundledConfig("router");
const config = await parseEnvoyConfig(
  text.replace("message_timeout: 2s", "message_timeout: 20s"),
  "router.yaml with a patient router filter",
);

for (const version of [undefined, OLDER_ENVOY]) {
  Deno.test(`the router profile holds every MUST on Envoy ${version ?? "(default)"}`, async () => {
    const place = { envoyPath: await envoyPath(version), runParents: RUN_PARENTS, config };
    await using target = await startRouterTarget({ ...place, variants: routerVariants(place) });
    // The older one is asked what the router adds; the base profile has its base groups.
    const cases = version === undefined ? [...CASES, ...ROUTER_CASES] : ROUTER_CASES;
    const report = await runSuite(target, { cases });
    const wrong = report.cases.filter(({ status }) => status === "fail");
    assert.deepEqual(wrong.map(({ id, checks }) => ({ id, checks })), []);
    const judged = report.cases.filter(({ id, status }) =>
      id.startsWith("router.") && status === "pass"
    );
    assert.equal(judged.length, ROUTER_CASES.length);
    assert.equal(exitCode(report), 0);
  });
}

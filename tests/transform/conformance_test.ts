/** The groups about steps, on every list of steps that is judged, through a real Envoy. */
import assert from "node:assert/strict";
import { exitCode, runSuite, TRANSFORM_CASES } from "../../conformance/mod.ts";
import { profileKind } from "../../gateway/profiles/mod.ts";
import { FREE_PORTS } from "../../gateway/mod.ts";
import { envoyPath, OLDER_ENVOY, RUN_PARENTS } from "../testing/stack.ts";

for (const version of [undefined, OLDER_ENVOY]) {
  Deno.test(`the steps hold every case about them on Envoy ${version ?? "(default)"}`, async () => {
    const { profile } = await profileKind("base").bind({}, {
      env: () => undefined,
      upstream: undefined,
    });
    const judge = await profileKind("base").judge();
    await using target = await judge.start({
      profile,
      ports: FREE_PORTS,
      envoyPath: await envoyPath(version),
      runParents: RUN_PARENTS,
    });
    const report = await runSuite(target, { cases: TRANSFORM_CASES });
    // An older Envoy reads no MCP.
    const isOld = (id: string) => version !== undefined && id.startsWith("mcp.");
    const wrong = report.cases.filter(({ id, status }) => status !== "pass" && !isOld(id));
    assert.deepEqual(wrong.map(({ id, reason }) => `${id}: ${reason}`), []);
    assert.equal(exitCode(report), 0);
  });
}

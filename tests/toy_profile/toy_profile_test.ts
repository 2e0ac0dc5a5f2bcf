/** The proof that a new profile touches one folder: a toy with a service, a flag and a case of its own. */
import assert from "node:assert/strict";
import { runSuite } from "../../conformance/mod.ts";
import { FREE_PORTS, startGateway } from "../../gateway/mod.ts";
import { profileKind, PROFILES } from "../../gateway/profiles/mod.ts";
import { envoyPath, RUN_PARENTS } from "../testing/stack.ts";
import { TOY } from "./kind.ts";

const SURROUNDINGS = { env: () => undefined, upstream: undefined };
const place = async () => ({
  ports: FREE_PORTS,
  envoyPath: await envoyPath(),
  runParents: RUN_PARENTS,
  graceMs: 0,
  concurrency: 1,
});

Deno.test("a profile that only this folder knows runs behind a real Envoy, by its flag", async () => {
  const kind = profileKind("toy", [...PROFILES, TOY]);
  const { profile } = await kind.bind({ word: "AHOY" }, SURROUNDINGS);
  await using gateway = await startGateway({ ...await place(), profile });
  assert.equal(gateway.profile, "toy");
  assert.deepEqual(Object.keys(gateway.part.services), ["greeter"]);
  assert.deepEqual(gateway.part.welcome().map(({ label }) => label), ["upstream", "greeter"]);
  const answer = await fetch(`${gateway.url}/v1/models`, { headers: { "x-api-key": "demo-key" } });
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
});

for (const [word, status] of [["AHOY", "pass"], ["ahoy", "fail"]] as const) {
  Deno.test(`its case is judged: a greeter that says ${word} gets "${status}"`, async () => {
    const { profile } = await TOY.bind({ word }, SURROUNDINGS);
    const judge = await TOY.judge();
    await using target = await judge.start({ ...await place(), profile });
    const report = await runSuite(target, { cases: judge.cases });
    assert.deepEqual(report.cases.map(({ id, status }) => [id, status]), [["toy.greets", status]]);
  });
}

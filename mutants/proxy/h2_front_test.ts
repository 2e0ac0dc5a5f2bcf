import assert from "node:assert/strict";
import { CASES, type Report, runSuite } from "../../conformance/mod.ts";
import { startSmallGateway } from "../start.ts";

const IDS = ["sec.h2-downgrade", "http.h2c", "cancel.h2-rst-only-one"];
const cases = CASES.filter(({ id }) => IDS.includes(id));

function statuses({ cases }: Report): Record<string, string> {
  return Object.fromEntries(cases.map(({ id, status }) => [id, status]));
}

Deno.test("the front refuses what cannot be an HTTP/1.1 line, unless it is blind", async () => {
  await using sound = await startSmallGateway("sound", {}, { h2: true });
  assert.deepEqual(statuses(await runSuite(sound, { cases })), {
    "http.h2c": "pass",
    "cancel.h2-rst-only-one": "pass",
    "sec.h2-downgrade": "pass",
  });
  await using blind = await startSmallGateway("blind", { downgradesBlindly: true });
  // Smuggled requests leave answers out, which are not waited for in full.
  const report = await runSuite(blind, { cases, timeScale: 0.1, case: ["sec.*"] });
  assert.deepEqual(statuses(report), { "sec.h2-downgrade": "fail" });
});

/** A run on a machine whose clock is being set all the time: verdicts must not know of it. */
import assert from "node:assert/strict";
import { startProgram } from "../testing/program.ts";
import { envoyPath } from "../testing/stack.ts";

/** Every phase of a run: start, requests side by side, cases that take a part down, variants, the end. */
const CASES = ["allow.*", "deny.*", "contract.*", "mut.*", "cancel.*", "fc.*", "obs.*", "rl.*"];

Deno.test("no verdict changes while the system's clock is set forward and back, at each reading", async () => {
  await using program = startProgram([
    ...["check", "--json", "--envoy-path", await envoyPath()],
    ...CASES.flatMap((glob) => ["--case", glob]),
  ], { main: new URL("../testdata/stepped_clock.ts", import.meta.url).pathname });
  const report = JSON.parse(await program.line());
  assert.equal((await program.ended).code, 0);
  const { cases, failed, not_measured } = report.summary;
  assert.deepEqual({ failed, not_measured }, { failed: 0, not_measured: 0 });
  assert.ok(cases >= 80, `${cases} cases`);
});

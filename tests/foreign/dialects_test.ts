/** The group `dialect` on a translator that nobody here wrote: LiteLLM's proxy, with each red case explained. */
import assert from "node:assert/strict";
import { startProgram } from "../testing/program.ts";
import { freePort, litellm, startLiteLlm } from "./litellm.ts";

const DIALECTS = ["anthropic", "gemini"];

Deno.test({
  name: `check --dialect judges LiteLLM, and every red case is explained${litellm.missing}`,
  ignore: litellm.missing !== "",
  async fn() {
    const port = await freePort();
    // It takes a minute to start on a busy machine: once for all dialects.
    await using proxy = await startLiteLlm(litellm.python, `http://127.0.0.1:${port}`);
    for (const dialect of DIALECTS) {
      const known = new URL(`./litellm_${dialect}_failures.txt`, import.meta.url);
      await using program = startProgram([
        ...["check", "--json", "--gateway", proxy.url, "--upstream-port", `${port}`],
        ...["--dialect", `client=openai,upstream=${dialect}`, "--model", `to-${dialect}`],
        ...["--allow-header", "authorization: Bearer sk-demo", "--level", "must"],
        ...["--known-failures", known.pathname, "--jobs", "4", "--time-scale", "3"],
      ]);
      const report = JSON.parse(await program.line());
      const unexplained = report.cases.filter((one: Record<string, string>) =>
        one.status === "fail" && one.known_failure === undefined
      );
      assert.deepEqual(unexplained.map(({ id }: Record<string, string>) => id), [], dialect);
      // Entries that no longer fail are problems too.
      assert.deepEqual(report.problems, [], dialect);
      assert.ok(report.summary.passed >= 45, JSON.stringify(report.summary));
      assert.equal((await program.ended).code, 0);
    }
  },
});

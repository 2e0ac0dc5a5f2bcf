/** The suite against a gateway that nobody here wrote: LiteLLM's proxy in front of our mock. */
import assert from "node:assert/strict";
import { startProgram } from "../testing/program.ts";
import { freePort, litellm, startLiteLlm } from "./litellm.ts";

const file = (name: string) => new URL(`./${name}`, import.meta.url);

/**
 * Cases that say nothing here: LiteLLM takes seconds for them, or waits for what a translating
 * gateway cannot have, so that they would only wait in vain.
 */
const LEFT_OUT = [
  ...["sse.idle-20s", "sse.slow-ttft", "lim.stream-exempt", "allow.large-response"],
  ...["sse.comments-keepalive", "sse.first-byte", "pass.chunked-upload", "sec.chunk-size"],
];

Deno.test({
  name: `check --gateway judges LiteLLM, and every red case is explained${litellm.missing}`,
  ignore: litellm.missing !== "",
  async fn() {
    const upstreamPort = await freePort();
    const upstream = `http://127.0.0.1:${upstreamPort}`;
    await using proxy = await startLiteLlm(litellm.python, upstream);
    await using program = startProgram([
      ...["check", "--json", "--gateway", proxy.url, "--control", "upstream"],
      ...["--upstream-port", `${upstreamPort}`, "--level", "must"],
      ...["--allow-header", "authorization: Bearer sk-demo"],
      ...["--deny-header", "authorization: Bearer sk-other"],
      ...["--known-failures", file("litellm_known_failures.txt").pathname],
      // One Python process: few at a time, and patience.
      ...["--jobs", "4", "--time-scale", "3"],
      ...LEFT_OUT.flatMap((id) => ["--skip", id]),
    ]);
    const report = JSON.parse(await program.line());
    const unexplained = report.cases.filter((one: Record<string, string>) =>
      one.status === "fail" && one.known_failure === undefined
    );
    assert.deepEqual(unexplained.map(({ id, reason }: Record<string, string>) => [id, reason]), []);
    assert.deepEqual(report.problems, []);
    const open = report.cases.filter((one: Record<string, unknown>) =>
      one.status === "not-measured" && one.beyond_control !== true
    );
    assert.deepEqual(open.map(({ id, reason }: Record<string, string>) => [id, reason]), []);
    const { passed, failed } = report.summary;
    assert.ok(passed + failed >= 40, JSON.stringify(report.summary));
    assert.equal((await program.ended).code, 0);
  },
});

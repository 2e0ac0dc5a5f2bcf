/** The group `dialect` on Envoy AI Gateway 1.2.0 (aigw), which offers Anthropic's Messages before OpenAI-compatible servers. */
import assert from "node:assert/strict";
import { MISSING, runBeside } from "./aigw.ts";

const file = (name: string) => new URL(`./${name}`, import.meta.url).pathname;

Deno.test({
  name:
    `Envoy AI Gateway keeps everything of Messages before Chat but the count of cached tokens${MISSING}`,
  ignore: MISSING !== "",
  async fn() {
    const { stdout, stderr } = await runBeside(file("aigw.yaml"), [
      file("../../main.ts"),
      ...["check", "--json", "--gateway", "http://127.0.0.1:1975/anthropic"],
      ...["--upstream-port", "9000", "--dialect", "client=anthropic,upstream=openai"],
      ...["--model", "to-openai", "--allow-header", "authorization: Bearer sk", "--jobs", "4"],
    ]);
    const line = stdout.trim();
    assert.ok(line.startsWith("{"), stderr);
    const report = JSON.parse(line);
    const red = report.cases.filter(({ status }: { status: string }) => status !== "pass");
    assert.deepEqual(red.map(({ id, status }: Record<string, string>) => `${id} ${status}`), [
      "dialect.usage-cached-json warn",
      "dialect.usage-cached-sse warn",
    ]);
    assert.ok(report.summary.passed >= 60, JSON.stringify(report.summary));
  },
});

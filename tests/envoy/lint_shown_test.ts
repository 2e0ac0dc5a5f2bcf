/**
 * What lint says that a case shows, the case does show: a strict file with that one fault is judged by `llmgate check`.
 * The strict file itself has neither a finding nor a MUST that fails.
 */
import assert from "node:assert/strict";
import { lintEnvoyConfig } from "../../lint/mod.ts";
import { strict } from "./corpus/form.ts";
import { SHOWN } from "./corpus/shown.ts";
import { envoyPath } from "./stack.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

interface Judged {
  readonly id: string;
  readonly level: string;
  readonly status: string;
  readonly reason?: string;
}

/** Runs `llmgate check --envoy-config` on a text, and returns the cases of its report. */
async function judged(text: string, cases: readonly string[]): Promise<Judged[]> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-shown-" });
  try {
    await Deno.writeTextFile(`${folder}/envoy.yaml`, text);
    const { stderr, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-prompt", "--quiet", "--no-check", MAIN, "check"],
        ...["--envoy-config", `${folder}/envoy.yaml`, "--envoy-path", await envoyPath()],
        ...["--report", `${folder}/report.json`, ...cases.flatMap((name) => ["--case", name])],
      ],
    }).output();
    const report = await Deno.readTextFile(`${folder}/report.json`).catch(() => {
      const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
      throw new assert.AssertionError({ message: `No report: ${said}` });
    });
    return JSON.parse(report).cases;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const { rule, case: name, text } of SHOWN) {
  Deno.test(`${rule} is shown by ${name}`, async () => {
    const { findings } = await lintEnvoyConfig(text, { name: "envoy.yaml" });
    assert.deepEqual(findings.map(({ id, case: shown }) => [id, shown]), [[rule, name]]);
    const [one] = await judged(text, [name]);
    const wanted = one?.level === "must" ? "fail" : "warn";
    assert.equal(one?.status, wanted, one?.reason ?? "it has no reason");
    assert.equal(findings[0]?.severity, one?.level === "must" ? "error" : "warning");
  });
}

Deno.test("where lint finds nothing, no MUST of the suite fails", async () => {
  const { findings } = await lintEnvoyConfig(strict(), { name: "envoy.yaml" });
  assert.deepEqual(findings, []);
  const cases = await judged(strict(), []);
  const failed = cases.filter(({ level, status }) => level === "must" && status === "fail");
  assert.deepEqual(failed.map(({ id, reason }) => `${id}: ${reason}`), []);
  assert.ok(cases.filter(({ status }) => status === "pass").length > 100);
});

/**
 * Cases show what lint says that they show: a strict file with that one fault is judged by `llmgate check`.
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

/** How many gateways are judged at a time: cases about time wait most of theirs. */
const TOGETHER = 3;

/** Results of each row's case, asked in the rows' order by a few at a time from the first test on. */
const answers = SHOWN.map(() => Promise.withResolvers<Judged | undefined>());
let asking: Promise<unknown> | undefined;

function askAll(): Promise<unknown> {
  let next = 0;
  const work = async () => {
    for (let row = next++; row < SHOWN.length; row = next++) {
      const { text, case: name } = SHOWN[row] as typeof SHOWN[number];
      const cases = await judged(text, [name]).catch((error) => error);
      if (Array.isArray(cases)) answers[row]?.resolve(cases[0]);
      else answers[row]?.reject(cases);
    }
  };
  return Promise.all(Array.from({ length: TOGETHER }, work));
}

SHOWN.forEach(({ rule, case: name, text }, row) => {
  Deno.test({
    name: `${rule} is shown by ${name}`,
    // The rows after it are being judged meanwhile.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      asking ??= askAll();
      const { findings } = await lintEnvoyConfig(text, { name: "envoy.yaml" });
      assert.deepEqual(findings.map(({ id, case: shown }) => [id, shown]), [[rule, name]]);
      const one = await answers[row]?.promise;
      const wanted = one?.level === "must" ? "fail" : "warn";
      assert.equal(one?.status, wanted, one?.reason ?? "it has no reason");
      assert.equal(findings[0]?.severity, one?.level === "must" ? "error" : "warning");
    },
  });
});

Deno.test("where lint finds nothing, no MUST of the suite fails", async () => {
  const { findings } = await lintEnvoyConfig(strict(), { name: "envoy.yaml" });
  assert.deepEqual(findings, []);
  const cases = await judged(strict(), []);
  const failed = cases.filter(({ level, status }) => level === "must" && status === "fail");
  assert.deepEqual(failed.map(({ id, reason }) => `${id}: ${reason}`), []);
  assert.ok(cases.filter(({ status }) => status === "pass").length > 100);
});

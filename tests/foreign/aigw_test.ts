/** The group `dialect` on Envoy AI Gateway 1.2.0 (aigw), which offers Anthropic's Messages before OpenAI-compatible servers. */
import assert from "node:assert/strict";
import { pythonOf } from "../clients/python_venv.ts";
import { DEFAULT_ENVOY_VERSION } from "../../envoy/mod.ts";
import { envoyPath } from "../testing/stack.ts";

const file = (name: string) => new URL(`./${name}`, import.meta.url).pathname;

/** Why it cannot run here: the end of the test's title. */
const missing = await whyNot().then((why) => why === undefined ? "" : ` (skipped: ${why})`);

async function whyNot(): Promise<string | undefined> {
  const { success } = await new Deno.Command("unshare", { args: ["--net", "true"] }).output()
    .catch(() => ({ success: false }));
  if (!success) return "no network of its own for aigw's fixed ports";
  return await pythonOf("aigw").then(
    () => undefined,
    (error: Error) => `no aigw: ${error.message}`,
  );
}

Deno.test({
  name:
    `Envoy AI Gateway keeps everything of Messages before Chat but the count of cached tokens${missing}`,
  ignore: missing !== "",
  async fn() {
    const python = await pythonOf("aigw");
    const places = (await new Deno.Command("find", {
      args: [python.replace(/\/bin\/python$/, "/lib"), "-path", "*/bin/aigw"],
    }).output()).stdout;
    const wheels = new TextDecoder().decode(places).trim();
    const home = await Deno.makeTempDir({ prefix: "llmgate-aigw-" });
    try {
      // The wheel's copy is not executable, and the environment is shared.
      await Deno.copyFile(wheels, `${home}/aigw`);
      await Deno.chmod(`${home}/aigw`, 0o755);
      // It gets Envoy from the network unless this version is where it looks.
      const envoy = `${home}/data/envoy-versions/${DEFAULT_ENVOY_VERSION}/bin`;
      await Deno.mkdir(envoy, { recursive: true });
      await Deno.symlink(await envoyPath(), `${envoy}/envoy`);
      const { stdout, stderr } = await new Deno.Command("unshare", {
        args: [
          ...["--net", "bash", file("aigw.sh"), `${home}/aigw`, file("aigw.yaml"), home, "--"],
          ...[Deno.execPath(), "run", "-A", "--no-prompt", file("../../main.ts")],
          ...["check", "--json", "--gateway", "http://127.0.0.1:1975/anthropic"],
          ...["--upstream-port", "9000", "--dialect", "client=anthropic,upstream=openai"],
          ...["--model", "to-openai", "--allow-header", "authorization: Bearer sk", "--jobs", "4"],
        ],
        env: { ENVOY_VERSION: DEFAULT_ENVOY_VERSION },
      }).output();
      const said = new TextDecoder().decode(stderr);
      const line = new TextDecoder().decode(stdout).trim();
      assert.ok(line.startsWith("{"), said);
      const report = JSON.parse(line);
      const red = report.cases.filter(({ status }: { status: string }) => status !== "pass");
      assert.deepEqual(red.map(({ id, status }: Record<string, string>) => `${id} ${status}`), [
        "dialect.usage-cached-json warn",
        "dialect.usage-cached-sse warn",
      ]);
      assert.ok(report.summary.passed >= 60, JSON.stringify(report.summary));
    } finally {
      await Deno.remove(home, { recursive: true });
    }
  },
});

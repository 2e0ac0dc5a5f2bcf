/** Envoy AI Gateway's program, aigw: it holds Envoy Gateway, which then needs no Kubernetes. */
import { DEFAULT_ENVOY_VERSION } from "../../envoy/mod.ts";
import { pythonOf } from "../clients/python_venv.ts";
import { envoyPath } from "../testing/stack.ts";

/** Why it cannot run here: the end of a test's title. */
export const MISSING = await whyNot().then((why) => why === undefined ? "" : ` (skipped: ${why})`);

async function whyNot(): Promise<string | undefined> {
  const { success } = await new Deno.Command("unshare", { args: ["--net", "true"] }).output()
    .catch(() => ({ success: false }));
  if (!success) return "no network of its own for aigw's fixed ports";
  return await pythonOf("aigw").then(
    () => undefined,
    (error: Error) => `no aigw: ${error.message}`,
  );
}

/** Runs a program of Deno's beside aigw with this configuration, in a network of their own; returns what it said. */
export async function runBeside(
  config: string,
  args: readonly string[],
): Promise<{ stdout: string; stderr: string }> {
  const python = await pythonOf("aigw");
  const places = (await new Deno.Command("find", {
    args: [python.replace(/\/bin\/python$/, "/lib"), "-path", "*/bin/aigw"],
  }).output()).stdout;
  const home = await Deno.makeTempDir({ prefix: "llmgate-aigw-" });
  try {
    // The wheel's copy is not executable, and the environment is shared.
    await Deno.copyFile(new TextDecoder().decode(places).trim(), `${home}/aigw`);
    await Deno.chmod(`${home}/aigw`, 0o755);
    // It gets Envoy from the network unless this version is where it looks.
    const envoy = `${home}/data/envoy-versions/${DEFAULT_ENVOY_VERSION}/bin`;
    await Deno.mkdir(envoy, { recursive: true });
    await Deno.symlink(await envoyPath(), `${envoy}/envoy`);
    const script = new URL("./aigw.sh", import.meta.url).pathname;
    const { stdout, stderr } = await new Deno.Command("unshare", {
      args: ["--net", "bash", script, `${home}/aigw`, config, home, "--"].concat(
        [Deno.execPath(), "run", "-A", "--no-prompt", ...args],
      ),
      env: { ENVOY_VERSION: DEFAULT_ENVOY_VERSION },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { stdout: text(stdout), stderr: text(stderr) };
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

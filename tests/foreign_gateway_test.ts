/** The suite against a gateway that nobody here wrote: LiteLLM's proxy in front of our mock. */
import assert from "node:assert/strict";
import { listenLasting } from "../service/mod.ts";
import { pythonOf } from "./clients/python_venv.ts";
import { startProgram } from "./program.ts";

const file = (name: string) => new URL(`foreign/${name}`, import.meta.url);

/**
 * Its proxy needs 300 MB of packages. Those for databases, clouds and cost reports are left out of
 * the list, so dependencies are not followed; nothing is compiled that is not used.
 */
const FLAGS = ["--no-deps", "--no-compile"];

const found = await pythonOf(file("litellm_requirements.txt"), FLAGS)
  .then((python) => ({ python, missing: "" }), (error: Error) => ({
    python: "",
    missing: ` (skipped: LiteLLM cannot be had: ${error.message.split("\n").at(-1)})`,
  }));

/**
 * Cases that say nothing here: LiteLLM takes seconds for them, or waits for what a translating
 * gateway cannot have, so that they would only wait in vain.
 */
const LEFT_OUT = [
  ...["sse.idle-20s", "sse.slow-ttft", "lim.stream-exempt", "allow.large-response"],
  ...["sse.comments-keepalive", "sse.first-byte", "pass.chunked-upload", "sec.chunk-size"],
];

/** A port that stays free until it is listened on. */
const freePort = () =>
  listenLasting("127.0.0.1", (port) => {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return Promise.resolve(port);
  });

Deno.test({
  name: `check --gateway judges LiteLLM, and every red case is explained${found.missing}`,
  ignore: found.missing !== "",
  async fn() {
    const [port, upstreamPort] = [await freePort(), await freePort()];
    await using _gateway = await startLiteLlm(found.python, { port, upstreamPort });
    await using program = startProgram([
      ...["check", "--json", "--gateway", `http://127.0.0.1:${port}`, "--control", "upstream"],
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
    const { passed, failed } = report.summary;
    assert.ok(passed + failed >= 40, JSON.stringify(report.summary));
    assert.equal((await program.ended).code, 0);
  },
});

/** Starts the proxy; resolves when it answers. Disposing it ends it. */
async function startLiteLlm(
  python: string,
  { port, upstreamPort }: { port: number; upstreamPort: number },
): Promise<AsyncDisposable> {
  const child = new Deno.Command(python.replace(/python$/, "litellm"), {
    args: ["--config", file("litellm.yaml").pathname, "--host", "127.0.0.1", "--port", `${port}`],
    env: {
      UPSTREAM: `http://127.0.0.1:${upstreamPort}/v1`,
      // Its price list from the package, not from the network.
      LITELLM_LOCAL_MODEL_COST_MAP: "True",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = Promise.all([child.stdout, child.stderr].map((out) => new Response(out).text()));
  let ended = false;
  const exited = child.status.then(() => ended = true);
  const stop = async () => {
    if (!ended) child.kill("SIGKILL");
    await exited;
  };
  while (!ended) {
    const answer = await fetch(`http://127.0.0.1:${port}/health/liveliness`).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok) return { [Symbol.asyncDispose]: stop };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`LiteLLM ended before it was ready: ${(await said).join("").slice(-2_000)}`);
}

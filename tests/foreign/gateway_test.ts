/** The suite against a gateway that nobody here wrote: LiteLLM's proxy in front of our mock. */
import assert from "node:assert/strict";
import { listenLasting } from "../../service/mod.ts";
import { pythonOf } from "../clients/python_venv.ts";
import { startProgram } from "../testing/program.ts";
import { TextLineStream } from "../testing/text_line_stream.ts";

const file = (name: string) => new URL(`./${name}`, import.meta.url);

const found = await pythonOf("litellm")
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
    const upstreamPort = await freePort();
    const upstream = `http://127.0.0.1:${upstreamPort}/v1`;
    await using proxy = await startLiteLlm(found.python, upstream);
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

/** Line of uvicorn once it listens; it picks a free port itself. */
const LISTENS = /Uvicorn running on (http:\S+)/;

/** Starts the proxy; resolves when it listens. Disposing it ends it. */
async function startLiteLlm(
  python: string,
  upstream: string,
): Promise<AsyncDisposable & { readonly url: string }> {
  const child = new Deno.Command(python.replace(/python$/, "litellm"), {
    args: ["--config", file("litellm.yaml").pathname, "--host", "127.0.0.1", "--port", "0"],
    env: {
      UPSTREAM: upstream,
      // Its price list from the package, not from the network.
      LITELLM_LOCAL_MODEL_COST_MAP: "True",
    },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const listens = Promise.withResolvers<string>();
  const lines = child.stderr.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  // It is read to its end: a full pipe would hold the proxy up.
  const read = (async () => {
    const said: string[] = [];
    for await (const line of lines) {
      said.push(line);
      const url = LISTENS.exec(line)?.[1];
      if (url !== undefined) listens.resolve(url);
    }
    listens.reject(new Error(`LiteLLM ended before it listened: ${said.slice(-20).join("\n")}`));
  })();
  return {
    url: await listens.promise,
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await child.status;
      await read;
    },
  };
}

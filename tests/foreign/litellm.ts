/** Starts LiteLLM's proxy in front of our mock. */
import { listenLasting } from "../../service/mod.ts";
import { pythonOf } from "../clients/python_venv.ts";
import { TextLineStream } from "../testing/text_line_stream.ts";

/** Its Python, or why it cannot be had: the end of a test's title. */
export const litellm = await pythonOf("litellm")
  .then((python) => ({ python, missing: "" }), (error: Error) => ({
    python: "",
    missing: ` (skipped: LiteLLM cannot be had: ${error.message.split("\n").at(-1)})`,
  }));

/** A port that stays free until it is listened on. */
export const freePort = () =>
  listenLasting("127.0.0.1", (port) => {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return Promise.resolve(port);
  });

const CONFIG = new URL("./litellm.yaml", import.meta.url).pathname;

/** Line of uvicorn once it listens; it picks a free port itself. */
const LISTENS = /Uvicorn running on (http:\S+)/;

/** Starts the proxy before an upstream's origin; resolves when it listens. Disposing it ends it. */
export async function startLiteLlm(
  python: string,
  upstream: string,
): Promise<AsyncDisposable & { readonly url: string }> {
  const child = new Deno.Command(python.replace(/python$/, "litellm"), {
    args: ["--config", CONFIG, "--host", "127.0.0.1", "--port", "0"],
    env: {
      UPSTREAM: `${upstream}/v1`,
      UPSTREAM_ROOT: upstream,
      // Here the whole path of a model is expected.
      UPSTREAM_GEMINI: `${upstream}/v1beta/models/gemini-2.5-flash`,
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

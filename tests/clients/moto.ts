/** Starts moto, an S3 server. */
import { TextLineStream } from "../testing/text_line_stream.ts";
import { pythonOf } from "./python_venv.ts";

/** A running moto server: S3 as Amazon's SDK for Python tests against it. */
export interface Moto extends AsyncDisposable {
  /** `http://127.0.0.1:5000` */
  readonly url: string;
}

/** Starts moto on a free port; the first run gets it from the package index. */
export async function startMoto(): Promise<Moto> {
  const python = await pythonOf("moto");
  const child = new Deno.Command(python, {
    // Isolated: the other programs in this folder are no modules that moto may import.
    args: ["-I", new URL("moto_server.py", import.meta.url).pathname],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stderr = new Response(child.stderr).text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  const reader = lines.getReader();
  const { value } = await reader.read();
  if (value === undefined) throw new Error(`Cannot start moto: ${await stderr}`);
  return {
    url: `http://${value}`,
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await child.status;
      await stderr;
      await reader.cancel();
    },
  };
}

import { join } from "node:path";
import { run } from "./run.ts";

/**
 * The modules that are started as workers (`startWorker()` in service/), by path. A binary carries each as a program of
 * its own, so that what only a worker needs costs the program's start nothing.
 */
export const WORKER_MODULES: readonly string[] = [
  "responses/search/documents/worker.ts",
  "responses/search/index/worker.ts",
  "responses/store/sqlite_worker.ts",
];

/**
 * Bundles the workers and returns a line for the program's top, from which `startWorker()` takes them: gzip as base64,
 * because Deno reads every byte of code when it starts, and passes over a string.
 *
 * @throws {Error} with the bundler's output when it fails
 */
export async function workersLine(root: string, folder: string): Promise<string> {
  const programs: Record<string, string> = {};
  for (const module of WORKER_MODULES) {
    const file = join(folder, `${module.replaceAll("/", "-")}.js`);
    const { code, output } = await run(
      Deno.execPath(),
      ["bundle", "--platform", "deno", "--minify", "--quiet", "--output", file, module],
      root,
    );
    if (code !== 0) throw new Error(`Cannot bundle ${module}: ${output}`);
    const packed = new Blob([await Deno.readFile(file)]).stream()
      .pipeThrough(new CompressionStream("gzip"));
    programs[module] = new Uint8Array(await new Response(packed).arrayBuffer()).toBase64();
  }
  return `globalThis.LLMGATE_WORKERS = ${JSON.stringify(programs)};\n`;
}

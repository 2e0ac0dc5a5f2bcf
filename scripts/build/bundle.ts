import { join } from "node:path";
import type { BuildInfo } from "../../cli/mod.ts";
import { run } from "./run.ts";
import { workersLine } from "./workers.ts";

/** The name of the bundle inside of both kinds of binary. */
export const BUNDLE = "llmgate.js";

/**
 * Writes the whole program as one file, packages, configurations and documents included, with the programs of its
 * workers and what the build knows at its top. Returns the file's path.
 *
 * @throws {Error} with the bundler's output when it fails, or when a part was left outside of the bundle
 */
export async function bundle(
  root: string,
  options: { folder: string; info: BuildInfo },
): Promise<string> {
  const file = join(options.folder, BUNDLE);
  const { code, output } = await run(
    Deno.execPath(),
    ["bundle", "--platform", "deno", "--quiet", "--output", file, "main.ts"],
    root,
  );
  if (code !== 0) throw new Error(`Cannot bundle main.ts: ${output}`);
  const outside = await outsideOf(file);
  if (outside.length > 0) {
    throw new Error(`Cannot bundle main.ts: it still imports ${outside.join(", ")}`);
  }
  const workers = await workersLine(root, options.folder);
  await Deno.writeTextFile(file, workers + withInfo(await Deno.readTextFile(file), options.info));
  return file;
}

/** What a file imports other than Deno's own `node:` modules; a binary could not load it. */
export async function outsideOf(file: string): Promise<string[]> {
  const { code, output } = await run(Deno.execPath(), ["info", "--json", "--no-config", file]);
  if (code !== 0) throw new Error(`Cannot read the imports of "${file}": ${output}`);
  const { modules }: { modules: { dependencies?: { specifier: string }[] }[] } = JSON.parse(output);
  const names = modules.flatMap(({ dependencies }) => dependencies ?? []);
  return names.map(({ specifier }) => specifier).filter((name) => !name.startsWith("node:"));
}

/** The bundle with its build facts, which cli/version.ts reads. */
export function withInfo(text: string, info: BuildInfo): string {
  return `globalThis.LLMGATE_BUILD = ${JSON.stringify(info)};\n${text}`;
}

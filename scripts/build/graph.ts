/** Reads the module graph of the program. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { lateModules } from "./late_modules.ts";
import { run } from "./run.ts";

/** Output of `deno info --json`; the fields that are read here. */
export interface ModuleGraph {
  readonly modules: readonly {
    readonly dependencies?: readonly { readonly specifier: string }[];
  }[];
  readonly npmPackages: Readonly<
    Record<string, { readonly name: string; readonly version: string }>
  >;
}

/**
 * Everything that the files import, and what those import, as Deno sees it with the flags of `deno info`.
 *
 * @throws {Error} with Deno's output when it cannot read them
 */
export async function moduleGraph(
  files: readonly string[],
  flags: readonly string[],
): Promise<ModuleGraph> {
  const root = await Deno.makeTempFile({ prefix: "llmgate-graph-", suffix: ".js" });
  try {
    const imports = files.map((file) => `import ${JSON.stringify(pathToFileURL(file).href)};\n`);
    await Deno.writeTextFile(root, imports.join(""));
    const { code, output } = await run(Deno.execPath(), ["info", "--json", ...flags, root]);
    if (code !== 0) throw new Error(`Cannot read the module graph: ${output}`);
    return JSON.parse(output.slice(output.indexOf("{")));
  } finally {
    await Deno.remove(root);
  }
}

/** The graph of the whole program from its source, with what it loads late. */
export async function programGraph(root: string): Promise<ModuleGraph> {
  const late = (await lateModules(root)).map(({ path }) => path);
  const files = ["main.ts", ...new Set(late)].map((path) => join(root, path));
  return await moduleGraph(files, ["--config", join(root, "deno.json")]);
}

/** Bundles the program and its files into a folder. */
import { join, posix, relative } from "node:path";
import type { BuildInfo } from "../../cli/mod.ts";
import { moduleGraph } from "./graph.ts";
import { lateModules } from "./late_modules.ts";
import { run } from "./run.ts";

/** The module that both kinds of binary start. */
export const ENTRY = "main.js";

/** The whole program as modules in a folder, packages, configurations and documents included. */
export interface Bundle {
  readonly folder: string;
  /** Every module, by its path within the folder, sorted. */
  readonly files: readonly string[];
  /** Those that no other one imports: the program loads them by their path (`loadModule()`, `startWorker()`). */
  readonly late: readonly string[];
}

/**
 * Writes the program into `options.folder`: the entry, which says what the build knows, a module for each one that is
 * loaded late, and what several of these share. So a command reads its own code only.
 *
 * @throws {Error} with the bundler's output when it fails, or when a part was left outside of the bundle
 */
export async function bundle(
  root: string,
  options: { folder: string; info: BuildInfo },
): Promise<Bundle> {
  const { folder, info } = options;
  const sources = new Set((await lateModules(root)).map(({ path }) => path));
  const { code, output } = await run(
    Deno.execPath(),
    [
      ..."bundle --platform deno --quiet --code-splitting --outdir".split(" "),
      folder,
      "main.ts",
      ...[...sources].toSorted(),
    ],
    root,
  );
  if (code !== 0) throw new Error(`Cannot bundle main.ts: ${output}`);
  const files = await filesBelow(folder);
  const outside = await outsideOf(files.map((file) => join(folder, file)));
  if (outside.length > 0) {
    throw new Error(`Cannot bundle main.ts: it still imports ${outside.join(", ")}`);
  }
  const absent = await absentExports(folder, files);
  if (absent.length > 0) {
    throw new Error(
      `Cannot bundle main.ts: what is loaded late has no such export: ${absent.join(", ")}. ` +
        "A CommonJS package has only a default one in a bundle: import it in a module of our own, and load that late",
    );
  }
  const late = [...sources].map((path) => path.replace(/\.ts$/, ".js")).toSorted();
  for (const file of [ENTRY, ...late]) {
    const path = join(folder, file);
    const own = file === ENTRY ? `globalThis.LLMGATE_BUILD = ${JSON.stringify(info)};\n` : "";
    await Deno.writeTextFile(path, own + rootLine(file) + await Deno.readTextFile(path));
  }
  return { folder, files, late };
}

/** Returns the imports beside Deno's own `node:` modules and each other; a binary could not load them. */
export async function outsideOf(files: readonly string[]): Promise<string[]> {
  const { modules } = await moduleGraph(files, ["--no-config"]);
  const names = modules.flatMap(({ dependencies = [] }) => dependencies);
  return [...new Set(names.map(({ specifier }) => specifier))]
    .filter((name) => !/^(node:|file:|\.\.?\/)/.test(name));
}

/** `const { a, b: c } = await import("./x.js")`. */
const LATE_IMPORT = /\{([^{}]*)\}\s*=\s*await import\("(\.{1,2}\/[^"]+)"\)/g;

/**
 * Names that a module takes from one it loads late, and that this one does not export: each would be undefined in a
 * binary.
 */
export async function absentExports(folder: string, files: readonly string[]): Promise<string[]> {
  const texts = new Map<string, string>();
  for (const file of files) texts.set(file, await Deno.readTextFile(join(folder, file)));
  return [...texts].flatMap(([file, text]) =>
    [...text.matchAll(LATE_IMPORT)].flatMap(([, names = "", path = ""]) => {
      const from = posix.join(posix.dirname(file), path);
      const exported = exportsOf(texts.get(from) ?? "");
      const taken = names.split(",").map((name) => name.trim().split(":")[0]?.trim() ?? "");
      return taken.filter((name) => name !== "" && !exported.has(name))
        .map((name) => `${name} of ${from} (in ${file})`);
    })
  );
}

/** Returns the exports of a module of the bundle; the bundler writes one list at the end, and `export default` by itself. */
function exportsOf(text: string): Set<string> {
  const listed = [...text.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, names = ""]) =>
    names.split(",").map((name) => name.trim().split(/\s+as\s+/).at(-1) ?? "")
  );
  return new Set([...listed, ...(/^export default /m.test(text) ? ["default"] : [])]);
}

/** Tells service/module.ts where the modules lie; in each that is loaded late, because a worker begins with one of them. */
function rootLine(file: string): string {
  const up = "../".repeat(file.split("/").length - 1) || "./";
  return `globalThis.LLMGATE_MODULES = new URL("${up}", import.meta.url).href;\n`;
}

/** Every file below a folder, by its path within it with slashes, sorted. */
async function filesBelow(folder: string, below = folder): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(below)) {
    const path = join(below, name);
    if (isDirectory) found.push(...await filesBelow(folder, path));
    else found.push(relative(folder, path).replaceAll("\\", "/"));
  }
  return found.toSorted();
}

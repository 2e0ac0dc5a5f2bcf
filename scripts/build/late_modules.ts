/** Finds the modules that the program loads by their path. */
import { dirname, join, normalize } from "node:path";
import { sourceFiles } from "../check_imports.ts";

/** A module that the program names by its path, and loads when it is needed. */
export interface LateModule {
  /** The file that names it. */
  readonly from: string;
  readonly path: string;
  /** The path that the types are taken from, where they are. */
  readonly typedAs: string | undefined;
}

/** `loadModule<typeof import("../policy/mod.ts")>("policy/mod.ts")`, `startWorker<Methods>("…")`, and the commands' table. */
const CALL =
  /\b(?:loadModule|startWorker)<\s*(?:typeof import\("([^"]+)"\)|[^()]*?)\s*>\(\s*"([^"]+\.ts)"/g;
const ROW = /^\s+module: "([^"]+\.ts)"/gm;

/** Returns the modules that one file's text loads late. */
export function lateModulesOf(file: string, text: string): LateModule[] {
  const calls = [...text.matchAll(CALL)].map(([, type, path = ""]) => ({
    from: file,
    path,
    typedAs: type === undefined ? undefined : normalize(join(dirname(file), type)),
  }));
  const rows = [...text.matchAll(ROW)].map(([, path = ""]) => ({
    from: file,
    path,
    typedAs: undefined,
  }));
  return [...calls, ...rows];
}

/** Everything that the program loads late, wherever; a binary must hold each as a module of its own. */
export async function lateModules(root: string): Promise<LateModule[]> {
  const found: LateModule[] = [];
  for await (const file of sourceFiles(root)) {
    if (/_test\.ts$|^(scripts|tests)\//.test(file)) continue;
    found.push(...lateModulesOf(file, await Deno.readTextFile(join(root, file))));
  }
  return found;
}

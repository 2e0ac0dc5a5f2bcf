/** The folder of a binary's modules, as a URL; scripts/build/bundle.ts sets it at the top of the program. */
const MODULES = "LLMGATE_MODULES";

/**
 * Where a module of this program lies. `module` is its path within the repository, for example `"policy/mod.ts"`; a
 * binary holds the same tree as JavaScript.
 */
export function moduleUrl(module: string): string {
  const root = (globalThis as { [MODULES]?: string })[MODULES];
  return root === undefined
    ? new URL(`../${module}`, import.meta.url).href
    : new URL(module.replace(/\.ts$/, ".js"), root).href;
}

/**
 * Loads a module of this program when it is needed, and not before. `import("…")` with the path itself would do the
 * same, but Deno reads all that such an import may ever reach before it runs the first line. A command that has given
 * up `read` gets only what was loaded before.
 *
 * ```ts
 * const { startPolicy } = await loadModule<typeof import("../policy/mod.ts")>("policy/mod.ts");
 * ```
 */
export async function loadModule<Module>(module: string): Promise<Module> {
  return await import(moduleUrl(module));
}

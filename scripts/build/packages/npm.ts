/** Makes npm packages: stages their files, and lets npm pack them, so that npm's own rules hold. */
import { dirname, join } from "node:path";
import { run } from "../run.ts";
import { type PackageFile, textFile } from "./program.ts";

/** A package to be made. */
export interface NpmPackage {
  /** Folder of its own files. */
  readonly source: string;
  readonly version: string;
  /** Versions of what it depends on, in place of the 0.0.0 in its package.json. */
  readonly dependencies: Readonly<Record<string, string>>;
  /** Files beside its own. */
  readonly files: readonly PackageFile[];
}

/**
 * Packs a package into `folder` and returns the path of the file. The same parts make the same bytes.
 *
 * @throws {Error} when npm is missing or refuses the package
 */
export async function packNpm(made: NpmPackage, folder: string): Promise<string> {
  const stage = await Deno.makeTempDir({ prefix: "llmgate-npm-" });
  try {
    for await (const { name, isFile } of Deno.readDir(made.source)) {
      if (isFile) await Deno.copyFile(join(made.source, name), join(stage, name));
    }
    const written = JSON.parse(await Deno.readTextFile(join(stage, "package.json")));
    const { version, dependencies } = made;
    const complete = { ...written, version, dependencies };
    const manifest = textFile("package.json", `${JSON.stringify(complete, null, 2)}\n`);
    for (const { name, bytes } of [...made.files, manifest]) {
      await Deno.mkdir(dirname(join(stage, name)), { recursive: true });
      await Deno.writeFile(join(stage, name), bytes);
    }
    const { code, output } = await run(
      "npm",
      ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder],
      stage,
    );
    if (code !== 0) throw new Error(`Cannot pack ${written.name} by npm: ${output.trim()}`);
    return join(folder, output.trim().split("\n").at(-1) ?? "");
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
}

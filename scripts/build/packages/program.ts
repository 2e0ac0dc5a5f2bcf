/** The program as every package of it holds it: the bundle, and how Deno is to run it. */
import { join } from "node:path";
import { type Bundle, ENTRY } from "../bundle.ts";
import { HEAP_FLAG, PERMISSION_FLAGS, UNSTABLE_FLAGS } from "../permissions.ts";
import { RUN_FLAGS } from "../self_extracting.ts";

/** A file of a package, by its path within it with slashes. */
export interface PackageFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const encoder = new TextEncoder();

/** Returns a file of text. */
export function textFile(name: string, text: string): PackageFile {
  return { name, bytes: encoder.encode(text) };
}

/** Returns the files of the program: `program.json` for the launcher, and the modules below `program/`. */
export async function programFiles({ folder, files }: Bundle): Promise<PackageFile[]> {
  const flags = [...RUN_FLAGS, HEAP_FLAG, ...UNSTABLE_FLAGS, ...PERMISSION_FLAGS];
  const modules = await Promise.all(files.map(async (name) => ({
    name: `program/${name}`,
    bytes: await Deno.readFile(join(folder, name)),
  })));
  return [textFile("program.json", `${JSON.stringify({ flags, entry: ENTRY })}\n`), ...modules];
}

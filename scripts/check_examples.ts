// deno-lint-ignore-file no-console -- a program of its own
/**
 * Type-checks the examples in the doc comments of every `mod.ts`. Part of `deno task lint`; exits 1 with what does not
 * compile. An example may leave a result unused, so that rule is off here, and only here.
 */
import { basename, join } from "node:path";
import { sourceFiles } from "./check_imports.ts";

const root = join(import.meta.dirname ?? ".", "..");

/** Writes deno.json as it is but for unused names, and returns its path. */
async function lenientConfig(directory: string): Promise<string> {
  const config = JSON.parse(await Deno.readTextFile(join(root, "deno.json")));
  config.compilerOptions.noUnusedLocals = false;
  // Of a package, and relative to the file.
  for (const key of ["name", "version", "exports"]) delete config[key];
  const path = join(directory, "deno.json");
  await Deno.writeTextFile(path, JSON.stringify(config));
  return path;
}

if (import.meta.main) {
  const directory = await Deno.makeTempDir({ prefix: "llmgate-examples-" });
  const config = await lenientConfig(directory);
  const files: string[] = [];
  for await (const file of sourceFiles(root)) {
    if (basename(file) === "mod.ts") files.push(join(root, file));
  }
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["check", "--doc-only", "--quiet", "--config", config],
      ...["--lock", join(root, "deno.lock"), "--frozen"],
      ...files,
    ],
    stdin: "null",
  }).output();
  await Deno.remove(directory, { recursive: true });
  if (!success) await Deno.stderr.write(stderr);
  console.log(`examples of ${files.length} doors ${success ? "compile" : "do not all compile"}`);
  Deno.exit(success ? 0 : 1);
}

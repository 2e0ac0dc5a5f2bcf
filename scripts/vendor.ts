// deno-lint-ignore-file no-console -- a program of its own
/**
 * Bundles packages that stand in the repository, after a change of their pins: `deno task vendor`. The README beside
 * each bundle says why it is there.
 */
import { fileURLToPath } from "node:url";

/** A bundle, the project that pins what is in it, and that project's file of what is wanted. */
export interface Bundle {
  readonly file: string;
  readonly project: string;
  readonly entry: string;
}

/** Every bundle, by paths within the repository. */
export const BUNDLES: readonly Bundle[] = [
  { file: "grpc/vendor/grpc_js.mjs", project: "tests/foreign/npm", entry: "grpc_js.ts" },
  { file: "adapters/vendor/ai_sdk.mjs", project: "adapters/npm", entry: "ai_sdk.ts" },
];

/** Bundles the pinned versions; returns the module's text. */
export async function bundled({ file, project, entry }: Bundle): Promise<string> {
  const output = await Deno.makeTempFile({ prefix: "llmgate-vendor-", suffix: ".mjs" });
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["bundle", "--quiet", "--frozen", "--platform=deno", "--minify"],
        ...[`--output=${output}`, entry],
      ],
      cwd: pathOf(project),
      stdout: "null",
    }).output();
    if (!success) throw new Error(`Cannot bundle ${file}: ${new TextDecoder().decode(stderr)}`);
    return await Deno.readTextFile(output);
  } finally {
    await Deno.remove(output);
  }
}

/** The bundle that is there. */
export function vendored({ file }: Bundle): Promise<string> {
  return Deno.readTextFile(pathOf(file));
}

function pathOf(path: string): string {
  return fileURLToPath(import.meta.resolve(`../${path}`));
}

if (import.meta.main) {
  for (const bundle of BUNDLES) {
    await Deno.writeTextFile(pathOf(bundle.file), await bundled(bundle));
    console.log(bundle.file);
  }
}

// deno-lint-ignore-file no-console -- a program of its own
/**
 * Bundles @grpc/grpc-js again, after a change of its pin in `tests/foreign/npm/`: `deno task vendor`.
 * `grpc/vendor/README.md` says why it stands in the repository.
 */
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(import.meta.resolve("../tests/foreign/npm"));
const FILE = fileURLToPath(import.meta.resolve("../grpc/vendor/grpc_js.mjs"));

/** Bundles the pinned version; returns the module's text. */
export async function bundleGrpcJs(): Promise<string> {
  const output = await Deno.makeTempFile({ prefix: "llmgate-grpc-js-", suffix: ".mjs" });
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["bundle", "--quiet", "--frozen", "--platform=deno", "--minify"],
        ...[`--output=${output}`, "grpc_js.ts"],
      ],
      cwd: PROJECT,
      stdout: "null",
    }).output();
    if (!success) throw new Error(`Cannot bundle grpc-js: ${new TextDecoder().decode(stderr)}`);
    return await Deno.readTextFile(output);
  } finally {
    await Deno.remove(output);
  }
}

/** The bundle that is there. */
export function vendoredGrpcJs(): Promise<string> {
  return Deno.readTextFile(FILE);
}

if (import.meta.main) {
  await Deno.writeTextFile(FILE, await bundleGrpcJs());
  console.log("grpc/vendor/grpc_js.mjs");
}

// deno-lint-ignore-file no-console -- a program of its own
/**
 * Writes the code of the .proto subsets again, after a change of `grpc/messages/protos/*.proto`: `deno task protos`. protoc comes
 * with Python's grpcio-tools, its plugin from npm; both are pinned and none is needed to run anything. `--check` only
 * says what would change, and exits 1.
 */
import { fileURLToPath } from "node:url";
import { pythonOf } from "../tests/clients/python_venv.ts";

const PROTOS = fileURLToPath(import.meta.resolve("../grpc/messages/protos"));
const GENERATED = `${PROTOS}/gen`;
const PROJECT = fileURLToPath(import.meta.resolve("../tests/foreign/npm/deno.json"));

/** Returns the code that protoc generates from the subsets, by file name. */
export async function generate(): Promise<Map<string, string>> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-protos-" });
  try {
    const plugin = `${folder}/protoc-gen-es`;
    const { imports } = JSON.parse(await Deno.readTextFile(PROJECT));
    await Deno.writeTextFile(
      plugin,
      `#!/bin/sh\nexec '${Deno.execPath()}' run -A --quiet --frozen --config '${PROJECT}' ` +
        `${imports["@bufbuild/protoc-gen-es"]}\n`,
      { mode: 0o755 },
    );
    await Deno.mkdir(`${folder}/gen`);
    const subsets = (await names(PROTOS)).filter((name) => name.endsWith(".proto"));
    const { success, stderr } = await new Deno.Command(await pythonOf("grpc"), {
      args: [
        ...["-m", "grpc_tools.protoc", `-I${PROTOS}`, `--plugin=${plugin}`],
        ...[`--es_out=${folder}/gen`, "--es_opt=target=ts,import_extension=ts"],
        ...subsets,
      ],
      stdout: "null",
    }).output();
    if (!success) throw new Error(`Cannot run protoc: ${new TextDecoder().decode(stderr)}`);
    return await texts(`${folder}/gen`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The code that is there, by file name. */
export function generated(): Promise<Map<string, string>> {
  return texts(GENERATED);
}

async function names(folder: string): Promise<string[]> {
  const all = await Array.fromAsync(Deno.readDir(folder));
  return all.map(({ name }) => name).sort();
}

async function texts(folder: string): Promise<Map<string, string>> {
  const files = (await names(folder)).map(async (name): Promise<[string, string]> => [
    name,
    await Deno.readTextFile(`${folder}/${name}`),
  ]);
  return new Map(await Promise.all(files));
}

if (import.meta.main) {
  const [now, wanted] = await Promise.all([generated(), generate()]);
  const changed = [...new Set([...now.keys(), ...wanted.keys()])]
    .filter((name) => now.get(name) !== wanted.get(name));
  for (const name of changed) console.log(`grpc/messages/protos/gen/${name}`);
  if (Deno.args.includes("--check")) Deno.exit(changed.length === 0 ? 0 : 1);
  for (const name of changed) {
    const text = wanted.get(name);
    if (text === undefined) await Deno.remove(`${GENERATED}/${name}`);
    else await Deno.writeTextFile(`${GENERATED}/${name}`, text);
  }
}

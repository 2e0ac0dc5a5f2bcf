/**
 * Other people's npm packages in a test's own process, though deno.lock does not have them: what it
 * has, the first start on every new machine fetches. They are pinned in `tests/foreign/npm/`.
 */
import { createHash } from "node:crypto";

const PROJECT = new URL("../../tests/foreign/npm/", import.meta.url);

/**
 * Returns what a module of that project exports. It is bundled into the user's cache folder once,
 * packages included, and found again by the hash of the pins. It has no types: those are where the
 * packages are, and what is tested is what these make of the bytes.
 *
 * @throws {Error} with the bundler's own words when it cannot be made
 */
// deno-lint-ignore no-explicit-any -- see above
export async function npmModule(name: string): Promise<any> {
  return await import(`file://${await bundled(name)}`);
}

async function bundled(name: string): Promise<string> {
  const hash = createHash("sha256");
  for (const part of ["deno.lock", name]) hash.update(await Deno.readFile(new URL(part, PROJECT)));
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`;
  const file = `${home}/llmgate-tests/${name}-${hash.digest("hex").slice(0, 16)}.mjs`;
  await Deno.mkdir(`${home}/llmgate-tests`, { recursive: true });
  // Two tests may want it at once, in threads or in processes: the second one waits.
  using lock = await Deno.open(`${file}.lock`, { write: true, create: true });
  await lock.lock(true);
  if (await Deno.stat(file).then(() => true, () => false)) return file;
  // The ending tells the bundler that `require` has to be made.
  const part = file.replace(/mjs$/, "part.mjs");
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--frozen", "--platform=deno", `--output=${part}`, name],
    cwd: PROJECT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot bundle ${name}: ${new TextDecoder().decode(stderr)}`);
  await Deno.rename(part, file);
  return file;
}

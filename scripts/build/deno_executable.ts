/** Gets the Deno executable of a platform. */
import { join } from "node:path";
import { run } from "./run.ts";
import { hostTarget, type Target } from "./targets.ts";

/** Extracts the executable from a wheel: it lies in the wheel's `scripts` folder. */
const UNPACK = `
import sys, zipfile
wheel, target = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, open(target, "wb") as file:
    file.write(archive.read(next(n for n in archive.namelist() if n.endswith(".data/scripts/deno"))))
`;

/**
 * The Deno executable of a target, of the version that runs now: the running one, or for a foreign target the one of
 * its PyPI wheel, which pip verifies against the index.
 *
 * @throws {Error} when pip is missing or fails
 */
export async function denoExecutable(target: Target, folder: string): Promise<Uint8Array> {
  if (target === hostTarget()) return await Deno.readFile(Deno.execPath());
  const name = `deno==${Deno.version.deno}`;
  const wheels = join(folder, "wheels");
  const got = await run("python3", [
    ..."-m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all:".split(
      " ",
    ),
    ...["--platform", target.wheelTag, "--dest", wheels, name],
  ]);
  if (got.code !== 0) {
    throw new Error(`Cannot get ${name} for ${target.triple} by pip: ${got.output.trim()}`);
  }
  for await (const { name: wheel } of Deno.readDir(wheels)) {
    const executable = join(folder, "deno");
    const unpacked = await run("python3", ["-c", UNPACK, join(wheels, wheel), executable]);
    if (unpacked.code !== 0) throw new Error(`Cannot unpack ${wheel}: ${unpacked.output.trim()}`);
    return await Deno.readFile(executable);
  }
  throw new Error(`Cannot get ${name} for ${target.triple}: pip left no wheel`);
}

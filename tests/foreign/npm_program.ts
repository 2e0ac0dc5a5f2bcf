/** Programs that are made with other people's npm packages, which the gateway itself never loads. */

/**
 * Runs a program of `tests/foreign/npm/` and returns what it printed, as JSON.
 *
 * @throws {Error} with its own words when it fails
 */
// deno-lint-ignore no-explicit-any -- each program prints something else
export async function runNpmProgram(program: string, ...args: readonly string[]): Promise<any> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-prompt",
      "--quiet",
      "--frozen",
      "--config=deno.json",
      program,
      ...args,
    ],
    cwd: new URL("npm/", import.meta.url),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

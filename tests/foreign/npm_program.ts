/** Programs that are made with other people's npm packages, which the gateway itself never loads. */
import { npmProgram } from "../../service/testing/npm_program.ts";

/**
 * Runs a program of `tests/foreign/npm/` and returns what it printed, as JSON.
 *
 * @throws {Error} with its own words when it fails
 */
// deno-lint-ignore no-explicit-any -- each program prints something else
export async function runNpmProgram(program: string, ...args: readonly string[]): Promise<any> {
  const { success, stdout, stderr } = await npmProgram(program, { args }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

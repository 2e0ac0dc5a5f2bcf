/** Where the programs of other people's npm packages stand, pinned by a lock file of their own. */
const PROJECT = new URL("../../tests/foreign/npm/", import.meta.url);

/** The command that runs a program of `tests/foreign/npm/`, with its output piped. Its first run ever fetches packages. */
export function npmProgram(
  program: string,
  { args = [], stdin = "null" }: { args?: readonly string[]; stdin?: "null" | "piped" } = {},
): Deno.Command {
  const flags = ["-A", "--no-prompt", "--quiet", "--frozen", "--config=deno.json"];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, program, ...args],
    cwd: PROJECT,
    stdin,
    stdout: "piped",
    stderr: "piped",
  });
}

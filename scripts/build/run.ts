/** `deno` calls itself through its own path, so that no Deno needs to be on PATH. */
export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Runs a program to its end and returns what it printed. */
export async function run(command: string, args: string[], cwd?: string): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    ...(cwd === undefined ? {} : { cwd }),
    env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  return { code, output: `${decoder.decode(stdout)}${decoder.decode(stderr)}` };
}

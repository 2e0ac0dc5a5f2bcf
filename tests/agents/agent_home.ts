/** A clean home for an agent that is a program of npm, and one run of it after the other. */
import { join } from "node:path";
import { cleanEnv } from "./clean_env.ts";

const PROJECT = new URL("./npm/", import.meta.url);

/** Result of one run. */
export interface AgentRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A home of its own, with a folder to work in. Disposing it removes both. */
export interface AgentHome extends AsyncDisposable {
  readonly home: string;
  /** The folder that the agent works in. */
  readonly folder: string;
  /** Runs a program of a package that `npm/deno.json` pins: nothing of the user's is read. */
  run(
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<AgentRun>;
}

/** Settings of an agent for one gateway. */
export interface AgentOptions {
  /** The only credential that it has; the demo key when left out. */
  readonly key?: string;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Makes the home of an agent. */
export async function makeHome(agent: string): Promise<AgentHome> {
  const home = await Deno.makeTempDir({ prefix: `llmgate-${agent}-` });
  const folder = join(home, "work");
  await Deno.mkdir(folder);
  return {
    home,
    folder,
    async run(program, args, env) {
      const config = `--config=${join(PROJECT.pathname, "deno.json")}`;
      const command = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--quiet", "--frozen", config, program, ...args],
        cwd: folder,
        clearEnv: true,
        env: { ...await cleanEnv(home), ...env },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      });
      const { code, stdout, stderr } = await command.output();
      const decoder = new TextDecoder();
      return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
    },
    [Symbol.asyncDispose]: () => Deno.remove(home, { recursive: true }),
  };
}

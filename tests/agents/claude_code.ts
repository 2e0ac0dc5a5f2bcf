/** Anthropic's Claude Code as a client: one turn after the other in a home of its own. */
import { join } from "node:path";
import { cleanEnv } from "./clean_env.ts";

const PROJECT = new URL("./npm/", import.meta.url);

/** The package's launcher for places where no install script runs. */
const PROGRAM = "npm:@anthropic-ai/claude-code@2.1.332/cli-wrapper.cjs";

/** Result of one prompt. */
export interface ClaudeTurn {
  readonly code: number;
  /** Last output: the answer, or the error. */
  readonly said: string;
  readonly failed: boolean;
}

/** A Claude Code that is set up for one gateway. Disposing it removes its home. */
export interface ClaudeCode extends AsyncDisposable {
  /** The folder that it works in. */
  readonly folder: string;
  /** Runs a prompt; `more` are further flags: `["--continue"]`. */
  turn(prompt: string, more?: readonly string[]): Promise<ClaudeTurn>;
}

/** Sets it up: nothing of the user's is read, and its key is the only credential that it has. */
export async function setUpClaudeCode(
  gateway: string,
  { key = "demo-key", headers = {} }: {
    readonly key?: string;
    /** Sent with every request. */
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): Promise<ClaudeCode> {
  const home = await Deno.makeTempDir({ prefix: "llmgate-claude-" });
  const folder = join(home, "work");
  await Deno.mkdir(folder);
  const env = {
    ...await cleanEnv(home),
    // docs/agents.md shows the first two.
    ANTHROPIC_BASE_URL: gateway,
    ANTHROPIC_API_KEY: key,
    ANTHROPIC_CUSTOM_HEADERS: Object.entries(headers).map((pair) => pair.join(": ")).join("\n"),
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    CLAUDE_CODE_MAX_RETRIES: "0",
    DISABLE_AUTOUPDATER: "1",
  };
  return {
    folder,
    async turn(prompt, more = []) {
      const command = new Deno.Command(Deno.execPath(), {
        args: [
          ...[
            "run",
            "-A",
            "--quiet",
            "--frozen",
            `--config=${join(PROJECT.pathname, "deno.json")}`,
          ],
          ...[PROGRAM, "-p", prompt, "--output-format", "json", "--tools", "Bash"],
          ...["--allowedTools", "Bash", ...more],
        ],
        cwd: folder,
        clearEnv: true,
        env,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      });
      const { code, stdout, stderr } = await command.output();
      const decoder = new TextDecoder();
      const text = decoder.decode(stdout);
      if (!text.startsWith("{")) {
        throw new Error(`Claude Code did not start: ${text}${decoder.decode(stderr)}`);
      }
      const { result = "", is_error: failed } = JSON.parse(text);
      return { code, said: result, failed };
    },
    [Symbol.asyncDispose]: () => Deno.remove(home, { recursive: true }),
  };
}

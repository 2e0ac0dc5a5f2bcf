/** Anthropic's Claude Code as a client: one turn after the other in a home of its own. */
import { type AgentOptions, makeHome } from "./agent_home.ts";

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

/** Sets it up. */
export async function setUpClaudeCode(
  gateway: string,
  { key = "demo-key", headers = {} }: AgentOptions = {},
): Promise<ClaudeCode> {
  const home = await makeHome("claude");
  const env = {
    // docs/agents.md shows the first two.
    ANTHROPIC_BASE_URL: gateway,
    ANTHROPIC_API_KEY: key,
    ANTHROPIC_CUSTOM_HEADERS: Object.entries(headers).map((pair) => pair.join(": ")).join("\n"),
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    CLAUDE_CODE_MAX_RETRIES: "0",
    DISABLE_AUTOUPDATER: "1",
  };
  return {
    folder: home.folder,
    async turn(prompt, more = []) {
      const { code, stdout, stderr } = await home.run(PROGRAM, [
        ...["-p", prompt, "--output-format", "json", "--tools", "Bash"],
        ...["--allowedTools", "Bash", ...more],
      ], env);
      if (!stdout.startsWith("{")) {
        throw new Error(`Claude Code did not start: ${stdout}${stderr}`);
      }
      const { result = "", is_error: failed } = JSON.parse(stdout);
      return { code, said: result, failed };
    },
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  };
}

/** OpenAI's Codex CLI as a client: one turn after the other in a home of its own. */
import { join } from "node:path";
import { type AgentOptions, makeHome } from "./agent_home.ts";

const PACKAGE = "npm:@openai/codex@0.171.0";

/** Result of one `codex exec`. */
export interface CodexTurn {
  readonly code: number;
  /** The lines of `--json`. */
  // deno-lint-ignore no-explicit-any -- events of every shape
  readonly events: readonly any[];
  /** Last message of the agent. */
  readonly said: string;
  /** The words of what went wrong; empty otherwise. */
  readonly wrong: string;
}

/** A Codex that is set up for one gateway. Disposing it removes its home. */
export interface Codex extends AsyncDisposable {
  /** The folder that it works in. */
  readonly folder: string;
  /** Runs a prompt; `more` goes before it: `["resume", "--last"]`. */
  turn(prompt: string, more?: readonly string[]): Promise<CodexTurn>;
}

/** Sets it up. */
export async function setUpCodex(
  gateway: string,
  { key = "demo-key", headers = {} }: AgentOptions = {},
): Promise<Codex> {
  const own = await makeHome("codex");
  const sent = Object.entries(headers).map(([name, value]) => `"${name}" = "${value}"`).join(", ");
  // docs/agents.md shows the same block.
  await Deno.writeTextFile(
    join(own.home, "config.toml"),
    `model = "gpt-4o-mini"
model_provider = "llmgate"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false

[analytics]
enabled = false

[model_providers.llmgate]
name = "llmgate"
base_url = "${gateway}/v1"
env_key = "LLMGATE_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
http_headers = { ${sent} }
`,
  );
  const env = { CODEX_HOME: own.home, LLMGATE_KEY: key };
  return {
    folder: own.folder,
    async turn(prompt, more = []) {
      const words = ["exec", "--skip-git-repo-check", "--json", ...more, prompt];
      const { code, stdout, stderr } = await own.run(PACKAGE, words, env);
      const events = stdout.split("\n").filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line));
      if (events.length === 0) throw new Error(`Codex did not start: ${stderr}`);
      const said = events.filter(({ item }) => item?.type === "agent_message")
        .map(({ item }) => item.text).join("\n");
      const wrong = events.filter(({ type }) => type === "turn.failed" || type === "error")
        .map(({ error, message }) => error?.message ?? message).join("\n");
      return { code, events, said, wrong };
    },
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  };
}

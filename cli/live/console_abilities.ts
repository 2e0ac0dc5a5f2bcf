/** Things that the console of `dev` can do beside showing: lint, and runs of the suite as a program of their own. */
import { fileURLToPath } from "node:url";
import type { ConsoleAbilities } from "../../gateway/mod.ts";
import { loadModule, messageOf } from "../../service/mod.ts";

/** Options of `consoleAbilities`. */
export interface AbilityOptions {
  readonly isWritable: boolean;
  /** Flags that say which gateway is judged: `--profile edge --rules rules.yaml`. */
  readonly flags: readonly string[];
}

/** Returns what the console can do. */
export function consoleAbilities({ isWritable, flags }: AbilityOptions): ConsoleAbilities {
  return {
    isWritable,
    async lint(text, name) {
      const { lintEnvoyConfig } = await loadModule<typeof import("../../lint/mod.ts")>(
        "lint/mod.ts",
      );
      const { findings } = await lintEnvoyConfig(text, { name });
      return findings.map(({ id: rule, severity, found, fix, line, path }) => ({
        ...{ rule, severity, found, fix },
        place: line === undefined ? path : `line ${line}: ${path}`,
      }));
    },
    startCheck: (cases) => startCheckProgram(cases, flags),
  };
}

/** Starts `llmgate check` as a program of its own, so that neither run is in the other's way. */
async function startCheckProgram(
  cases: string,
  flags: readonly string[],
): ReturnType<NonNullable<ConsoleAbilities["startCheck"]>> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-check-" });
  const report = `${folder}/report.html`;
  const [command = "", ...words] = ownProgram();
  const child = new Deno.Command(command, {
    args: [
      ...words,
      "check",
      ...(cases === "" ? [] : ["--case", cases]),
      ...["--report", report],
      ...flags,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  }).spawn();
  const problems: string[] = [];
  const heard = (async () => {
    for await (const line of linesOf(child.stderr)) problems.push(line);
  })();
  let isOver = false;
  const ended = (async () => {
    const { code } = await child.status;
    await heard;
    isOver = true;
    const html = await Deno.readTextFile(report).catch(() => "");
    await Deno.remove(folder, { recursive: true }).catch((error) =>
      problems.push(messageOf(error))
    );
    const error = html === "" ? problems.findLast((line) => line.trim() !== "") ?? "" : "";
    return { code, html, error };
  })();
  return {
    lines: linesOf(child.stdout),
    ended,
    async [Symbol.asyncDispose]() {
      if (!isOver) child.kill("SIGINT");
      await ended;
    },
  };
}

/** The words that start this very program: a binary is one, the source is run by Deno. */
function ownProgram(): string[] {
  const program = Deno.execPath();
  if (Deno.build.standalone) return [program];
  const main = Deno.mainModule.startsWith("file:")
    ? fileURLToPath(Deno.mainModule)
    : Deno.mainModule;
  return [program, "run", "-A", "--no-prompt", main];
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

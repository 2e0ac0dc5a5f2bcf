import { z } from "zod";
import { compilePattern, loadPatterns } from "../../patterns/mod.ts";
import type { DataFileKind } from "../../data_files/mod.ts";
import { loadModule, type Log, messageOf, UsageError, watchFolder } from "../../service/mod.ts";
import { SCRIPT_FIELDS } from "./schema.ts";
import type { UpstreamScript } from "../types.ts";

/** What a scenario may look at; every field given must match. `/…/flags` is a regular expression. */
export interface ScenarioMatch {
  readonly model?: string;
  /** The text of the last message (or of `input`, or `prompt`). */
  readonly last_message?: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One scenario file: a script that answers whatever matches. */
export interface Scenario extends UpstreamScript {
  /** The file's name without its ending, when not given; also works in `x-mock-script`. */
  readonly name: string;
  /** Without a match, the scenario answers only when it is named. */
  readonly match?: ScenarioMatch;
}

/** What a request offers to be matched. */
export interface MatchInput {
  readonly method: string;
  readonly path: string;
  readonly model: string | undefined;
  readonly lastMessage: string | undefined;
  header(name: string): string | undefined;
}

const PATTERN = z.string().min(1).superRefine((text, context) => {
  try {
    patternOf(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: messageOf(error) });
  }
});

const SCENARIO = z.strictObject({
  name: z.string().min(1).optional(),
  match: z.strictObject({
    model: PATTERN.optional(),
    last_message: PATTERN.optional(),
    path: PATTERN.optional(),
    method: PATTERN.optional(),
    headers: z.record(z.string(), PATTERN).optional(),
  }).optional(),
  ...SCRIPT_FIELDS,
});

/** A file of the scenarios folder. */
export const SCENARIO_FILE: DataFileKind<typeof SCENARIO> = {
  what: "scenario",
  name: "scenario.yaml",
  docs: "docs/upstream.md",
  schema: SCENARIO,
};

const ENDINGS = /\.(ya?ml|json)$/;

/**
 * Reads every scenario of a folder, in the order of the file names.
 *
 * @throws {UsageError} naming file, line, column and what was expected
 */
export async function readScenarios(folder: string): Promise<Scenario[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) {
      if (entry.isFile && ENDINGS.test(entry.name)) names.push(entry.name);
    }
  } catch (error) {
    throw new UsageError(`Cannot read the scenarios in "${folder}": ${messageOf(error)}`);
  }
  // Loaded here: most runs read no YAML.
  await loadPatterns();
  const { readData } = await loadModule<typeof import("../../data_files/mod.ts")>(
    "data_files/mod.ts",
  );
  const scenarios: Scenario[] = [];
  for (const name of names.sort()) {
    const file = `${folder}/${name}`;
    const data = await readData(SCENARIO_FILE, file);
    const scenario = { ...data, name: data.name ?? name.replace(ENDINGS, "") } as Scenario;
    if (scenarios.some((other) => other.name === scenario.name)) {
      throw new UsageError(`${file}:1:1: Cannot read: the name "${scenario.name}" is taken`);
    }
    scenarios.push(scenario);
  }
  return scenarios;
}

/** The scenarios of a folder, kept up to date. */
export class ScenarioFolder implements AsyncDisposable {
  #scenarios: readonly Scenario[];
  readonly #watcher: AsyncDisposable;

  private constructor(folder: string, scenarios: readonly Scenario[], log: Log) {
    this.#scenarios = scenarios;
    this.#watcher = watchFolder(folder, () => void this.#reload(folder, log));
  }

  /**
   * Reads the folder and watches it: a change is read as a whole, and a broken file keeps what was
   * there before and says so in the log.
   */
  static async open(folder: string, log: Log): Promise<ScenarioFolder> {
    return new ScenarioFolder(folder, await readScenarios(folder), log);
  }

  /** Returns the scenario of that name. */
  named(name: string): Scenario | undefined {
    return this.#scenarios.find((scenario) => scenario.name === name);
  }

  /** Returns the first scenario that matches. */
  match(input: MatchInput): Scenario | undefined {
    return this.#scenarios.find((scenario) => scenario.match && matches(scenario.match, input));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher[Symbol.asyncDispose]();
  }

  async #reload(folder: string, log: Log): Promise<void> {
    try {
      this.#scenarios = await readScenarios(folder);
      log(`Scenarios reloaded from "${folder}": ${this.#scenarios.length} in use`);
    } catch (error) {
      log(`Scenarios kept as they were: ${messageOf(error)}`);
    }
  }
}

/** Whether a request satisfies every field of a match. */
export function matches(match: ScenarioMatch, input: MatchInput): boolean {
  const pairs: [string | undefined, string | undefined][] = [
    [match.model, input.model],
    [match.last_message, input.lastMessage],
    [match.path, input.path],
    [match.method, input.method],
  ];
  for (const [name, pattern] of Object.entries(match.headers ?? {})) {
    pairs.push([pattern, input.header(name.toLowerCase())]);
  }
  return pairs.every(([pattern, value]) =>
    pattern === undefined || (value !== undefined && patternOf(pattern)(value))
  );
}

/** `/…/flags` tests a regular expression; anything else is compared as it is. */
function patternOf(text: string): (value: string) => boolean {
  const regex = /^\/(.*)\/([imsu]*)$/s.exec(text);
  // A path such as "/v1/models/" looks like an expression too; paths are meant as they are.
  if (!regex || /^\/v1\//.test(text)) return (value) => value === text;
  const expression = compilePattern(regex[1] ?? "", { flags: regex[2] ?? "" });
  return (value) => expression.test(value);
}

/** A folder of scenarios: read, kept up to date, asked which one answers, and with which of its answers. */
import { loadPatterns } from "../../patterns/mod.ts";
import { loadModule, type Log, messageOf, UsageError, watchFolder } from "../../service/mod.ts";
import { matches, type MatchInput, nearestOf } from "./scenario_match.ts";
import {
  type Scenario,
  SCENARIO_FILE,
  SCENARIO_LIST,
  type ScenarioAnswer,
  scenarioOf,
  type WrittenScenario,
} from "./scenario_schema.ts";

const ENDINGS = /\.(ya?ml|json)$/;

/** Whether a change of this name is one of the scenarios: a log beside them would begin every sequence again. */
function isOurs(name: string): boolean {
  // A mounted ConfigMap changes by one link beside its files.
  return ENDINGS.test(name) || name === "..data";
}

/**
 * Reads every scenario of a folder, in the order of the file names: one to a file, a list, or fixtures of aimock.
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
  await loadPatterns();
  const scenarios: Scenario[] = [];
  for (const name of names.sort()) {
    const file = `${folder}/${name}`;
    for (const scenario of await readScenarioFile(file, name.replace(ENDINGS, ""))) {
      if (scenarios.some((other) => other.name === scenario.name)) {
        throw new UsageError(`${file}:1:1: Cannot read: the name "${scenario.name}" is taken`);
      }
      scenarios.push(scenario);
    }
  }
  return scenarios;
}

async function readScenarioFile(file: string, name: string): Promise<Scenario[]> {
  // Loaded here: most runs read no YAML.
  const { parseData, readDocument } = await loadModule<
    typeof import("../../data_files/mod.ts")
  >("data_files/mod.ts");
  const text = await Deno.readTextFile(file);
  const { value } = readDocument(text, { what: "scenario", file });
  if (isFixtures(value)) {
    const { scenariosOfFixtures, FIXTURE_FILE } = await import("./aimock.ts");
    return scenariosOfFixtures(parseData(FIXTURE_FILE, text, file), name);
  }
  if (!Array.isArray(value)) return [scenarioOf(parseData(SCENARIO_FILE, text, file), name)];
  const list: readonly WrittenScenario[] = parseData(SCENARIO_LIST, text, file);
  return list.map((written, index) => scenarioOf(written, `${name}-${index + 1}`));
}

function isFixtures(value: unknown): boolean {
  return typeof value === "object" && value !== null && "fixtures" in value;
}

/** The scenarios of a folder, kept up to date. */
export class ScenarioFolder implements AsyncDisposable {
  #scenarios: readonly Scenario[];
  /** How many answers each scenario has given. */
  readonly #given = new Map<string, number>();
  readonly #watcher: AsyncDisposable;

  private constructor(folder: string, scenarios: readonly Scenario[], log: Log) {
    this.#scenarios = scenarios;
    this.#watcher = watchFolder(folder, () => void this.#reload(folder, log), isOurs);
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

  /** Returns the next answer of a scenario; the last one repeats. */
  next({ name, answers }: Scenario): ScenarioAnswer {
    const given = this.#given.get(name) ?? 0;
    this.#given.set(name, given + 1);
    return answers[Math.min(given, answers.length - 1)] as ScenarioAnswer;
  }

  /** Says which scenario comes nearest to a request that none answers. */
  explain(input: MatchInput): string {
    const nearest = nearestOf(this.#scenarios, input);
    if (!nearest) return "no scenario has a match";
    return `the nearest is "${nearest.scenario.name}": ${nearest.differs}`;
  }

  /** Lets every sequence of answers begin again. */
  restart(): void {
    this.#given.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher[Symbol.asyncDispose]();
  }

  async #reload(folder: string, log: Log): Promise<void> {
    try {
      this.#scenarios = await readScenarios(folder);
      this.restart();
      log(`Scenarios reloaded from "${folder}": ${this.#scenarios.length} in use`);
    } catch (error) {
      log(`Scenarios kept as they were: ${messageOf(error)}`);
    }
  }
}

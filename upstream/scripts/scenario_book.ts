/** The scenarios of a running mock: kept up to date, asked which one answers, and with which of its answers. */
import { type Log, messageOf, watchFolder } from "../../service/mod.ts";
import { matches, type MatchInput, nearestOf } from "./scenario_match.ts";
import { isScenarioFile, readScenarios } from "./scenarios.ts";
import type { Scenario, ScenarioAnswer } from "./scenario_schema.ts";

/** Scenarios that were set one by one, newest first, and those of a folder behind them. */
export class ScenarioBook implements AsyncDisposable {
  #set: readonly Scenario[] = [];
  #read: readonly Scenario[];
  /** How many answers each scenario has given. */
  readonly #given = new Map<string, number>();
  readonly #watcher: AsyncDisposable | undefined;

  private constructor(folder: string | undefined, scenarios: readonly Scenario[], log: Log) {
    this.#read = scenarios;
    this.#watcher = folder === undefined
      ? undefined
      : watchFolder(folder, () => void this.#reload(folder, log), isScenarioFile);
  }

  /**
   * Reads the folder, where there is one, and watches it: a change is read as a whole, and a broken file keeps what was
   * there before and says so in the log.
   */
  static async open(folder: string | undefined, log: Log): Promise<ScenarioBook> {
    return new ScenarioBook(folder, folder === undefined ? [] : await readScenarios(folder), log);
  }

  /** Whether there is none, and never was a folder. */
  get isEmpty(): boolean {
    return this.#set.length === 0 && this.#watcher === undefined;
  }

  /** Sets one, in place of an older one of its name; without a match it answers every request. */
  set(scenario: Scenario): void {
    this.delete(scenario.name);
    this.#set = [{ ...scenario, match: scenario.match ?? {} }, ...this.#set];
  }

  /** Forgets one that was set; whether there was one. */
  delete(name: string): boolean {
    const rest = this.#set.filter((scenario) => scenario.name !== name);
    const found = rest.length < this.#set.length;
    this.#set = rest;
    this.#given.delete(name);
    return found;
  }

  /** Names of those that were set, newest first. */
  setNames(): string[] {
    return this.#set.map(({ name }) => name);
  }

  /** Forgets those that were set, and lets every sequence begin again. */
  clear(): void {
    this.#set = [];
    this.#given.clear();
  }

  /** Returns the scenario of that name. */
  named(name: string): Scenario | undefined {
    return this.#all().find((scenario) => scenario.name === name);
  }

  /** Returns the first scenario that matches. */
  match(input: MatchInput): Scenario | undefined {
    return this.#all().find((scenario) => scenario.match && matches(scenario.match, input));
  }

  /** Returns the next answer of a scenario; the last one repeats. */
  next({ name, answers }: Scenario): ScenarioAnswer {
    const given = this.#given.get(name) ?? 0;
    this.#given.set(name, given + 1);
    return answers[Math.min(given, answers.length - 1)] as ScenarioAnswer;
  }

  /** Says which scenario comes nearest to a request that none answers. */
  explain(input: MatchInput): string {
    const nearest = nearestOf(this.#all(), input);
    if (!nearest) return "no scenario has a match";
    return `the nearest is "${nearest.scenario.name}": ${nearest.differs}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watcher?.[Symbol.asyncDispose]();
  }

  #all(): readonly Scenario[] {
    return this.#set.length === 0 ? this.#read : [...this.#set, ...this.#read];
  }

  /** Reads the folder again; what cannot be read keeps what was there. Never rejects. */
  async #reload(folder: string, log: Log): Promise<void> {
    try {
      this.#read = await readScenarios(folder);
      this.#given.clear();
      log(`Scenarios reloaded from "${folder}": ${this.#read.length} in use`);
    } catch (error) {
      log(`Scenarios kept as they were: ${messageOf(error)}`);
    }
  }
}

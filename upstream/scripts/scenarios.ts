/** Reads folders of scenarios. */
import { loadPatterns } from "../../patterns/mod.ts";
import { loadModule, messageOf, readTextFile, UsageError } from "../../service/mod.ts";
import {
  type Scenario,
  SCENARIO_FILE,
  SCENARIO_LIST,
  scenarioOf,
  type WrittenScenario,
} from "./scenario_schema.ts";

const ENDINGS = /\.(ya?ml|json)$/;

/** Whether a change of this name is one of the scenarios: a log beside them would begin every sequence again. */
export function isScenarioFile(name: string): boolean {
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
  const text = await readTextFile(file);
  const { value } = readDocument(text, { what: "scenario", file });
  if (isFixtures(value)) {
    const { scenariosOfFixtures, FIXTURE_FILE } = await loadModule<
      typeof import("./aimock.ts")
    >("upstream/scripts/aimock.ts");
    return scenariosOfFixtures(parseData(FIXTURE_FILE, text, file), name);
  }
  if (!Array.isArray(value)) return [scenarioOf(parseData(SCENARIO_FILE, text, file), name)];
  const list: readonly WrittenScenario[] = parseData(SCENARIO_LIST, text, file);
  return list.map((written, index) => scenarioOf(written, `${name}-${index + 1}`));
}

function isFixtures(value: unknown): boolean {
  return typeof value === "object" && value !== null && "fixtures" in value;
}

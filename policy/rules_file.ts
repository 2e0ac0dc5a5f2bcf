/** Reads a rules file, and says where it is wrong: file, line, column, and what was expected. */
import { type DataFileKind, parseData } from "../data_files/mod.ts";
import { loadPatterns } from "../patterns/mod.ts";
import { RULES_FILE, type RulesFile } from "./rules_schema.ts";
import { scriptSchema } from "./script.ts";

export { RULES_FILE };

// The schema compiles expressions as it reads them; the engine of those that are not simple is loaded with the parser.
await loadPatterns();

/** The answers of a script, as the control listener takes them. */
export const SCRIPT_FILE: DataFileKind<typeof scriptSchema> = {
  what: "script",
  name: "script.yaml",
  docs: "docs/policy.md",
  schema: scriptSchema,
};

/**
 * Parses rules, YAML or JSON.
 *
 * @param file what the error calls the file
 * @throws {UsageError} with one line per finding
 */
export function parseRules(text: string, file: string): RulesFile {
  return parseData(RULES_FILE, text, file);
}

/** Reads rules from YAML. */
import { createHash } from "node:crypto";
import { DEFAULT_RULES } from "./default_rules.ts";
import parsed from "./rules.parsed.json" with { type: "json" };
import { loadRulesFile } from "./late.ts";
import type { RulesFile } from "./rules_schema.ts";

/**
 * Reads rules as YAML. `file` is what an error calls them. The default rules were read before the start (`deno task
 * configs`), so that it needs neither the YAML parser nor the schema.
 *
 * @throws {UsageError} with one line per finding
 */
export async function readRules(text: string, file: string): Promise<RulesFile> {
  if (text === DEFAULT_RULES && parsed.sha256 === sha256(text)) {
    return parsed.rules as RulesFile;
  }
  const { parseRules } = await loadRulesFile();
  return parseRules(text, file);
}

/** Returns the content that `rules.parsed.json` must have: the default rules as they are now. */
export async function parseDefaultRules(): Promise<string> {
  const { parseRules } = await loadRulesFile();
  const now = {
    sha256: sha256(DEFAULT_RULES),
    rules: parseRules(DEFAULT_RULES, "policy/rules.yaml"),
  };
  return `${JSON.stringify(now, null, 2)}\n`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

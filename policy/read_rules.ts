/** Reads rules from YAML. */
import { loadModule } from "../service/mod.ts";
import { createHash } from "node:crypto";
import { DEFAULT_RULES } from "./default_rules.ts";
import parsed from "./rules.parsed.json" with { type: "json" };
import { type RulesFile, rulesSchema } from "./rules_schema.ts";

/**
 * Reads rules as YAML. `file` is what an error calls them. The default rules were parsed before the start (`deno task
 * configs`), so that it needs no YAML parser.
 *
 * @throws {UsageError} with one line per finding
 */
export async function readRules(text: string, file: string): Promise<RulesFile> {
  if (text === DEFAULT_RULES && parsed.sha256 === sha256(text)) {
    return rulesSchema.parse(parsed.rules);
  }
  const { parseRules } = await loadModule<typeof import("./rules_file.ts")>(
    "policy/rules_file.ts",
  );
  return parseRules(text, file);
}

/** Returns the content that `rules.parsed.json` must have: the default rules as they are now. */
export async function parseDefaultRules(): Promise<string> {
  const { parsePlain } = await loadModule<typeof import("./rules_file.ts")>(
    "policy/rules_file.ts",
  );
  const now = {
    sha256: sha256(DEFAULT_RULES),
    rules: parsePlain(DEFAULT_RULES, "policy/rules.yaml"),
  };
  return `${JSON.stringify(now, null, 2)}\n`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

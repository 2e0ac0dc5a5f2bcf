import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import { DEFAULT_RULES } from "./default_rules.ts";
import { parseDefaultRules, readRules } from "./read_rules.ts";
import { parseRules } from "./rules_file.ts";
import parsed from "./rules.parsed.json" with { type: "json" };

Deno.test("rules.parsed.json holds what rules.yaml says; if not, run: deno task configs", async () => {
  assert.deepEqual(parsed, JSON.parse(await parseDefaultRules()));
});

Deno.test("readRules() takes the default rules as if it read their YAML", async () => {
  const read = await readRules(DEFAULT_RULES, "rules.yaml");
  assert.deepEqual(JSON.stringify(read), JSON.stringify(parseRules(DEFAULT_RULES, "rules.yaml")));
});

Deno.test("readRules() reads any other text, and says where it is wrong", async () => {
  const other = DEFAULT_RULES.replace("demo-1", "demo-2");
  assert.equal((await readRules(other, "mine.yaml")).version, "demo-2");
  await assert.rejects(
    readRules("version: 1\n", "mine.yaml"),
    (error) => error instanceof UsageError && /mine\.yaml:1:/.test(error.message),
  );
});

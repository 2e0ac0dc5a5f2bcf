/**
 * The published JSON Schemas of the files that people write, one beside each room's schema. The Zod schemas are the
 * truth; a test holds both together. Run it after a change: `deno task configs`.
 */
import { ADAPTER_FILE } from "../adapters/mod.ts";
import type { ZodType } from "zod";
import { type DataFileKind, jsonSchemaOf } from "../data_files/mod.ts";
import { LIMITS_FILE } from "../limits/mod.ts";
import { loadRulesFile } from "../policy/mod.ts";
import { RESPONSES_FILE } from "../responses/mod.ts";
import { ROUTES_FILE } from "../router/mod.ts";
import { TRANSFORM_FILE } from "../transform/mod.ts";
import { SCENARIO_DOCUMENT } from "../upstream/mod.ts";

const { RULES_FILE } = await loadRulesFile();

/** Where each kind's JSON Schema lies. */
export const SCHEMAS: Readonly<Record<string, DataFileKind<ZodType>>> = {
  "adapters/adapter.schema.json": ADAPTER_FILE,
  "limits/limits.schema.json": LIMITS_FILE,
  "policy/rules.schema.json": RULES_FILE,
  "responses/extproc-config.schema.json": RESPONSES_FILE,
  "router/routes.schema.json": ROUTES_FILE,
  "transform/transform.schema.json": TRANSFORM_FILE,
  "upstream/scenario.schema.json": SCENARIO_DOCUMENT,
};

/** The text of a JSON Schema's file. */
export function schemaText(kind: DataFileKind<ZodType>): string {
  return `${JSON.stringify(jsonSchemaOf(kind), null, 2)}\n`;
}

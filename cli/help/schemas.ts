/** JSON Schemas of the files that people write, for editors: `llmgate help schema rules`. */
import type { DataFileKind } from "../../data_files/mod.ts";
import { loadModule } from "../../service/mod.ts";

// deno-lint-ignore no-explicit-any -- kinds of every schema
type Kind = DataFileKind<any>;

/** How each kind is loaded, by the name that it has in `llmgate help schema NAME`. */
const KINDS: Readonly<Record<string, () => Promise<Kind>>> = {
  limits: async () =>
    (await loadModule<typeof import("../../limits/mod.ts")>("limits/mod.ts")).LIMITS_FILE,
  responses: async () =>
    (await loadModule<typeof import("../../responses/mod.ts")>("responses/mod.ts")).RESPONSES_FILE,
  routes: async () =>
    (await loadModule<typeof import("../../router/mod.ts")>("router/mod.ts")).ROUTES_FILE,
  rules: async () =>
    (await (await loadModule<typeof import("../../policy/mod.ts")>("policy/mod.ts"))
      .loadRulesFile())
      .RULES_FILE,
  scenario: async () =>
    (await loadModule<typeof import("../../upstream/mod.ts")>("upstream/mod.ts")).SCENARIO_DOCUMENT,
  transform: async () =>
    (await loadModule<typeof import("../../transform/mod.ts")>("transform/mod.ts")).TRANSFORM_FILE,
};

/** Names of the kinds. */
export const SCHEMA_NAMES: readonly string[] = Object.keys(KINDS);

/** Returns the JSON Schema of a kind of file as text, or undefined for a name that is none. */
export async function schemaText(name: string): Promise<string | undefined> {
  const kind = await KINDS[name]?.();
  if (kind === undefined) return undefined;
  const { jsonSchemaOf } = await loadModule<typeof import("../../data_files/mod.ts")>(
    "data_files/mod.ts",
  );
  return `${JSON.stringify(jsonSchemaOf(kind), null, 2)}\n`;
}

/** Returns the first line of a YAML file that tells editors where its schema is. */
export function schemaLine(path: string): string {
  return `# yaml-language-server: $schema=${path}\n`;
}

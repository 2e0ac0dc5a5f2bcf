/**
 * Writes what a start would have to parse otherwise: the bundled Envoy configurations (envoy/configs/parsed.jsonl) and
 * the default rules (policy/rules.parsed.json); and the JSON Schemas of the files that people write. The YAML files and
 * the Zod schemas are the truth; tests hold both together. Run it after a change: `deno task configs`.
 */
import { SCHEMAS, schemaText } from "./data_file_schemas.ts";
import { parseBundled } from "../envoy/mod.ts";
import { parseDefaultRules } from "../policy/mod.ts";

const write = (path: string, text: string) =>
  Deno.writeTextFile(new URL(`../${path}`, import.meta.url), text);

await write("envoy/configs/parsed.jsonl", await parseBundled());
await write("policy/rules.parsed.json", await parseDefaultRules());
for (const [path, kind] of Object.entries(SCHEMAS)) await write(path, schemaText(kind));

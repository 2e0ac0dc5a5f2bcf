/** Everything in a configuration that Envoy would refuse, by its place in the file. */
import type { EnvoyConfigFile } from "./config_file.ts";
import { readTypedConfig, type SchemaSource } from "./typed.ts";

/** Returns one line for each: `edge.yaml:12:5: …`; none where its types know of none. */
export async function problemsOf(
  { text, name }: EnvoyConfigFile,
  schema?: SchemaSource,
): Promise<string[]> {
  const { readings } = await readTypedConfig(text, { name, ...(schema && { schema }) });
  return readings.flatMap(({ problems }) => problems)
    .map(({ line, column, found }) => `${name}:${line}:${column}: ${found}`);
}

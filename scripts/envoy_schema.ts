// deno-lint-ignore-file no-console -- a program of its own
/**
 * Writes the message types of an Envoy into `envoy/schema/envoy.binpb.br`, which `llmgate lint` reads by. Run it after a
 * change of the default version, which `SHIPPED_SCHEMA_VERSION` must then name.
 *
 *   deno run -A scripts/envoy_schema.ts PATH_OF_ENVOY
 */
import { packMessageTypes } from "../envoy/mod.ts";

const [path] = Deno.args;
if (path === undefined) {
  console.error("Usage: deno run -A scripts/envoy_schema.ts PATH_OF_ENVOY");
  Deno.exit(2);
}
const packed = await packMessageTypes(path);
await Deno.writeFile(new URL("../envoy/schema/envoy.binpb.br", import.meta.url), packed);
console.log(`${packed.length} bytes`);

/**
 * Writes envoy/configs/parsed.jsonl: the bundled Envoy configurations as JSON, so that a start needs no YAML parser. The
 * YAML files are the truth; a test holds the two together. Run it after a change: `deno task configs`.
 */
import { parseBundled } from "../envoy/mod.ts";

await Deno.writeTextFile(
  new URL("../envoy/configs/parsed.jsonl", import.meta.url),
  await parseBundled(),
);

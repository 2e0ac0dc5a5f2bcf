/** A YAML text of one document as plain values; the only importer of the parser, so that a start can leave it out. */
import { readDocument } from "../data_files/mod.ts";
import type { Json } from "./tree.ts";

/**
 * Parses one YAML document (or JSON, which is YAML too). Aliases are spelled out, so that each place can be set by
 * itself.
 *
 * @throws {UsageError} with line and column, when it cannot be parsed
 */
export function parseYamlText(text: string, name: string): Json {
  const { value } = readDocument(text, { what: "Envoy configuration", file: name });
  return JSON.parse(JSON.stringify(value));
}

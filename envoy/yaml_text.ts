/** A YAML text of one document as plain values; the only importer of the parser, so that a start can leave it out. */
import { LineCounter, parseDocument } from "yaml";
import { UsageError } from "../service/mod.ts";
import type { Json } from "./tree.ts";

/**
 * Parses one YAML document (or JSON, which is YAML too). Aliases are spelled out, so that each place can be set by
 * itself.
 *
 * @throws {UsageError} with line and column, when it cannot be parsed
 */
export function parseYamlText(text: string, name: string): Json {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw new UsageError(`Cannot parse "${name}":${line}:${col}: ${problem.message}`);
  }
  return JSON.parse(JSON.stringify(document.toJS()));
}

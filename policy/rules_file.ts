/** Reads a rules file, and says where it is wrong: file, line, column, and what was expected. */
import {
  type Document,
  isCollection,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parse,
  parseDocument,
} from "yaml";
import type { z } from "zod";
import { UsageError } from "../service/mod.ts";
import { type RulesFile, rulesSchema } from "./rules_schema.ts";

/** How many findings one error shows; more would hide the first. */
const SHOWN = 8;

/**
 * Parses rules. Throws `UsageError` with one line per finding.
 * @param text YAML.
 * @param file What the error calls the file.
 */
export function parseRules(text: string, file: string): RulesFile {
  return parseYaml(text, { file, schema: rulesSchema, what: "rules" });
}

/** Parses YAML as it stands, without a schema. */
export function parsePlain(text: string): unknown {
  return parse(text);
}

/** Parses YAML (or JSON, which is YAML) against a schema. Throws `UsageError` with positions. */
export function parseYaml<T extends z.ZodType>(
  text: string,
  { file, schema, what }: { file: string; schema: T; what: string },
): z.output<T> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const broken = document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`);
  if (broken.length > 0) throw refusal(what, broken);
  const result = schema.safeParse(document.toJS());
  if (result.success) return result.data;
  throw refusal(
    what,
    result.error.issues.flatMap((issue) =>
      deepest(issue).map(({ path, message }) => {
        const place = path.length === 0 ? "" : `${path.join(".")}: `;
        return `${at(offsetOf(document, path))}: ${place}${message}`;
      })
    ),
  );
}

function refusal(what: string, findings: string[]): UsageError {
  const shown = findings.slice(0, SHOWN);
  if (findings.length > SHOWN) shown.push(`and ${findings.length - SHOWN} more`);
  return new UsageError(`Cannot read the ${what}:\n  ${shown.join("\n  ")}`);
}

interface Finding {
  readonly path: PropertyKey[];
  readonly message: string;
}

/** The finding as a person needs it: an unknown key at the key, a missing one by name. */
function deepest(issue: z.core.$ZodIssue): Finding[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: `Expected no such key here`,
    }));
  }
  const text = issue.code === "invalid_key"
    ? issue.issues[0]?.message ?? issue.message
    : issue.message;
  const message = text.replace(/^Invalid input: expected/, "Expected");
  return [{ path: issue.path, message: message.charAt(0).toUpperCase() + message.slice(1) }];
}

/** Where in the text the value at `path` stands; its nearest parent when there is none. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = rangeStart(node) ?? 0;
  for (const step of path) {
    if (!isCollection(node)) break;
    const pair = node.items.find((item) =>
      isPair(item) && isScalar(item.key) && String(item.key.value) === String(step)
    );
    const next: unknown = pair === undefined ? node.get(step, true) : (pair as { key: Node }).key;
    offset = rangeStart(next) ?? offset;
    node = node.get(step, true);
  }
  return offset;
}

function rangeStart(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

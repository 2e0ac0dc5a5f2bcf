/** Reads a limits file, and says where it is wrong: file, line, column, and what was expected. */
import { isCollection, isPair, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import { UsageError } from "../service/mod.ts";
import { type LimitsFile, limitsSchema } from "./limits_schema.ts";

/** How many findings one error shows; more would hide the first. */
const SHOWN = 20;

/**
 * Parses limits, YAML or JSON.
 *
 * @param file what the error calls the file
 * @throws {UsageError} with one line per finding
 */
export function parseLimits(text: string, file: string): LimitsFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const broken = document.errors.map(({ pos, message }) => `${at(pos[0])}: ${message}`);
  if (broken.length > 0) throw refusal(broken);
  const result = limitsSchema.safeParse(document.toJS());
  if (result.success) return result.data;
  throw refusal(result.error.issues.flatMap((issue) => {
    const keys = issue.code === "unrecognized_keys" ? issue.keys : [];
    const findings = keys.length > 0
      ? keys.map((key) => ({ path: [...issue.path, key], message: "Expected no such key here" }))
      : [{ path: issue.path, message: issue.message.replace(/^Invalid input: e/, "E") }];
    return findings.map(({ path, message }) =>
      `${at(offsetOf(document.contents, path))}: ${
        path.length > 0 ? `${path.join(".")}: ` : ""
      }${message}`
    );
  }));
}

function refusal(findings: readonly string[]): UsageError {
  const shown = findings.slice(0, SHOWN);
  if (findings.length > SHOWN) shown.push(`and ${findings.length - SHOWN} more`);
  return new UsageError(`Cannot read the limits:\n  ${shown.join("\n  ")}`);
}

/** Where the value at `path` stands in the text; its nearest parent when there is none. */
function offsetOf(root: unknown, path: readonly PropertyKey[]): number {
  let node = root;
  let offset = (node as Node | null)?.range?.[0] ?? 0;
  for (const step of path) {
    if (!isCollection(node)) break;
    const pair = node.items.find((item) =>
      isPair(item) && isScalar(item.key) && String(item.key.value) === String(step)
    );
    const next = pair === undefined ? node.get(step, true) : (pair as { key: Node }).key;
    offset = (next as Node | null | undefined)?.range?.[0] ?? offset;
    node = node.get(step, true);
  }
  return offset;
}

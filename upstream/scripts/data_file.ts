import { LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { UsageError } from "../../service/mod.ts";

/**
 * Reads YAML or JSON text (JSON is YAML) and checks it against a schema.
 *
 * @throws {UsageError} `file:line:column: what is wrong and what was expected`
 */
export function readData<T>(text: string, options: { file: string; schema: z.ZodType<T> }): T {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = counter.linePos(offset);
    return `${options.file}:${line}:${col}`;
  };
  const syntax = document.errors[0];
  if (syntax) throw new UsageError(`${at(syntax.pos[0])}: ${syntax.message}`);
  const parsed = options.schema.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = [...issue?.path ?? []] as (string | number)[];
  const place = path.length > 0 ? ` at "${path.join(".")}"` : "";
  throw new UsageError(
    `${at(offsetOf(document, path))}: Cannot read${place}: ${issue?.message ?? "not understood"}`,
  );
}

/** Where the value at `path` starts; when it is missing, where its nearest parent does. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true) as { range?: number[] } | undefined;
    if (node?.range) return node.range[0] ?? 0;
  }
  return document.contents?.range?.[0] ?? 0;
}

/** JSON as nodes with places. A dump can have megabytes, which a YAML parser would chew on for seconds. */
import type { SourceEntry, SourceNode } from "./source.ts";

/** A text that is no JSON: the fault, and its place. */
export class JsonError extends Error {
  constructor(message: string, readonly at: number) {
    super(message);
  }
}

const STRING = /"(?:[^"\\\n\r\t]|\\.)*"/y;
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const SPACE = /[ \t\r\n]*/y;
const WORD = /true|false|null/y;
/** Deeper than any configuration; a text must not exhaust the stack. */
const MAX_DEPTH = 500;

/**
 * Parses JSON, with a comma after the last item as protobuf's parser allows it.
 *
 * @throws {JsonError} with the offset of what is wrong
 */
export function parseJsonSource(text: string): SourceNode {
  let at = text.startsWith("\ufeff") ? 1 : 0;

  const fail = (wanted: string): never => {
    const seen = at >= text.length ? "the end" : JSON.stringify(text[at]);
    throw new JsonError(`expected ${wanted}, found ${seen}`, at);
  };
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const space = () => {
    // Most often there is none, or one.
    const code = text.charCodeAt(at);
    if (code === 32 || code === 10 || code === 13 || code === 9) match(SPACE);
  };
  const string = (): string => {
    const found = match(STRING) ?? fail("a string");
    return found.includes("\\") ? JSON.parse(found) : found.slice(1, -1);
  };
  /** Items up to the closing bracket. */
  const items = (close: string, item: () => void): void => {
    at++;
    space();
    while (text[at] !== close) {
      item();
      space();
      if (text[at] === ",") {
        at++;
        space();
      } else if (text[at] !== close) fail(`"," or "${close}"`);
    }
    at++;
  };
  const value = (depth: number): SourceNode => {
    if (depth > MAX_DEPTH) fail("less nesting");
    const start = at;
    const first = text[at];
    if (first === "{") {
      const entries: SourceEntry[] = [];
      items("}", () => {
        const keyAt = at;
        const key = string();
        space();
        if (text[at] !== ":") fail('":"');
        at++;
        space();
        entries.push({ key, keyAt, value: value(depth + 1) });
      });
      return { kind: "map", at: start, entries };
    }
    if (first === "[") {
      const list: SourceNode[] = [];
      items("]", () => list.push(value(depth + 1)));
      return { kind: "list", at: start, items: list };
    }
    if (first === '"') return { kind: "scalar", at: start, value: string() };
    const word = match(WORD);
    if (word !== undefined) return { kind: "scalar", at: start, value: JSON.parse(word) };
    const number = match(NUMBER) ?? fail("a value");
    return { kind: "scalar", at: start, value: Number(number) };
  };

  space();
  const root = value(0);
  space();
  if (at < text.length) fail("the end");
  return root;
}

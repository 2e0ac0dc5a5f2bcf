/** A YAML text (or JSON, which is YAML) as plain values, within limits, and where each of them stands. */
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { UsageError } from "../service/mod.ts";

/** Longest text, in characters. The largest configuration dump of an Envoy that was seen has 2 million. */
const MAX_CHARACTERS = 16 * 1024 * 1024;
/** Deepest nesting. Envoy's configurations have 25 levels. */
const MAX_LEVELS = 200;
/** Values once all aliases are put in: ten times what an Envoy configuration with 5,000 routes has. */
const MAX_VALUES = 1_000_000;

/** How many findings one error shows; more would hide the first. */
const SHOWN = 20;

/** Result of reading. */
export interface ReadDocument {
  readonly value: unknown;
  /** Where the value at a path stands: its key in a mapping; its nearest parent when there is none. 1 is the first. */
  placeOf(path: readonly PropertyKey[]): { readonly line: number; readonly column: number };
}

/** A position in the text, and what is wrong there. */
interface Problem {
  readonly offset: number;
  readonly message: string;
}

/**
 * Reads one YAML document without asking what it should look like.
 *
 * @param what how the error calls the content: `rules`
 * @param file how it calls the file
 * @throws {UsageError} one line per finding, `FILE:LINE:COLUMN: …`, for a text that is no YAML, has more than 16 Mi
 * characters, 200 levels or a million values, or holds itself
 */
export function readDocument(
  text: string,
  { what, file }: { readonly what: string; readonly file: string },
): ReadDocument {
  if (text.length > MAX_CHARACTERS) {
    const message = `Expected at most ${MAX_CHARACTERS} characters: there are ${text.length}`;
    throw refusal(what, [message], (message) => `${file}:1:1: ${message}`);
  }
  const lines = new LineCounter();
  const at = ({ offset, message }: Problem) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}: ${message}`;
  };
  const document = parsed(text, lines);
  const problems = document === undefined ? [TOO_DEEP] : problemsOf(document);
  if (document === undefined || problems.length > 0) throw refusal(what, problems, at);
  return {
    value: document.toJS({ maxAliasCount: -1 }),
    placeOf(path) {
      const { line, col } = lines.linePos(offsetOf(document, path));
      return { line, column: col };
    },
  };
}

/** The error for findings, the first twenty of them. */
export function refusal<T>(
  what: string,
  findings: readonly T[],
  say: (finding: T) => string,
): UsageError {
  const shown = findings.slice(0, SHOWN).map(say);
  if (findings.length > SHOWN) shown.push(`and ${findings.length - SHOWN} more`);
  return new UsageError(`Cannot read the ${what}:\n  ${shown.join("\n  ")}`);
}

const EXHAUSTED = /call stack/;
const TOO_DEEP: Problem = { offset: 0, message: `Expected at most ${MAX_LEVELS} levels` };

/** The parser calls itself for each level, so a text that is deep enough exhausts the stack: it throws, or reports that. */
function parsed(text: string, lineCounter: LineCounter): Document.Parsed | undefined {
  try {
    // The library compares each key with each: `repeatedKeys()` needs one look.
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function problemsOf(document: Document.Parsed): Problem[] {
  if (document.errors.some(({ message }) => EXHAUSTED.test(message))) return [TOO_DEEP];
  const written = [...document.errors, ...document.warnings]
    .map(({ pos, message }) => ({ offset: pos[0], message }));
  return written.length > 0 ? written : [...excessesOf(document)];
}

/** Aliases of one text; each costs a look at all of them before it. */
const MAX_ALIASES = 10_000;

/** Finds what would make the plain values endless or huge: aliases of their own parent, bombs of aliases, depth. */
function* excessesOf(document: Document.Parsed): Generator<Problem> {
  const sizes = new Map<Node, number>();
  const open = new Set<Node>();
  const found: Problem[] = [];
  const repeated: Problem[] = [];
  const anchored = new Map<string, Node>();
  let aliases = 0;
  const sizeOf = (node: Node | null, level: number): number => {
    if (node === null || found.length > 0) return 1;
    const offset = node.range?.[0] ?? 0;
    if (level > MAX_LEVELS) {
      found.push({ ...TOO_DEEP, offset });
      return 1;
    }
    if (isAlias(node)) {
      const source = anchored.get(node.source);
      if (++aliases > MAX_ALIASES) {
        found.push({ offset, message: `Expected at most ${MAX_ALIASES} aliases` });
        return 1;
      }
      if (source === undefined) {
        found.push({ offset, message: `Expected an anchor "&${node.source}" before this alias` });
        return 1;
      }
      if (!open.has(source)) return sizes.get(source) ?? sizeOf(source, level);
      found.push({
        offset,
        message: `Expected no alias "*${node.source}" inside of what it stands for`,
      });
      return 1;
    }
    const { anchor } = node as { anchor?: string };
    if (anchor !== undefined) anchored.set(anchor, node);
    if (!isCollection(node)) return 1;
    repeated.push(...repeatedKeys(node));
    open.add(node);
    let size = 1;
    for (const item of node.items) {
      size += isPair(item)
        ? sizeOf(item.key as Node | null, level + 1) + sizeOf(item.value as Node | null, level + 1)
        : sizeOf(item as Node | null, level + 1);
    }
    open.delete(node);
    sizes.set(node, size);
    if (size > MAX_VALUES && found.length === 0) {
      found.push({
        offset,
        message: `Expected at most ${MAX_VALUES} values once aliases are put in`,
      });
    }
    return size;
  };
  sizeOf(document.contents, 0);
  yield* found;
  yield* repeated;
}

/** Keys of a mapping that are there twice (YAML 1.2.2, section 3.2.1.3). */
function repeatedKeys(node: YAMLMap | YAMLSeq): Problem[] {
  if (!isMap(node)) return [];
  const seen = new Set<unknown>();
  return node.items.flatMap(({ key }) => {
    if (!isScalar(key)) return [];
    const isNew = !seen.has(key.value);
    seen.add(key.value);
    return isNew ? [] : [{ offset: key.range?.[0] ?? 0, message: "Map keys must be unique" }];
  });
}

function offsetOf({ contents }: Document.Parsed, path: readonly PropertyKey[]): number {
  let node: unknown = contents;
  let offset = contents?.range?.[0] ?? 0;
  for (const step of path) {
    if (!isCollection(node)) break;
    const pair = node.items.find((item) =>
      isPair(item) && isScalar(item.key) && String(item.key.value) === String(step)
    );
    const place: unknown = isPair(pair) ? pair.key : node.get(step, true);
    offset = (place as Node | null | undefined)?.range?.[0] ?? offset;
    node = node.get(step, true);
  }
  return offset;
}

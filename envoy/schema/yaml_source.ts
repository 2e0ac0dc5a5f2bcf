/** YAML as nodes with places, scalars as yaml-cpp reads them, which Envoy is built with. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseAllDocuments,
  type Scalar as YamlScalar,
} from "yaml";
import { plainScalar } from "./scalars.ts";
import type { SourceEntry, SourceNode, SourceScalar } from "./source.ts";

/** How far a placeholder of a template is looked for. */
const MAX_PLACEHOLDER = 200;

/** Deepest nesting that is read: configurations have 25 levels. */
const MAX_LEVELS = 200;
/** Values that aliases may put in: aliases of aliases multiply. */
const MAX_COPIED = 1_000_000;
const TOO_DEEP = `it has more than ${MAX_LEVELS} levels`;
const TOO_MANY = `its aliases put in more than ${MAX_COPIED} values`;

/** One document of a YAML stream. */
export interface YamlDocument {
  /** Absent when the document is empty. */
  readonly root: SourceNode | undefined;
  /** Errors of Envoy's parser, in order. */
  readonly errors: readonly { readonly at: number; readonly message: string }[];
}

/** Parses every document of a YAML text. */
export function parseYamlSource(text: string): YamlDocument[] {
  // Failsafe: scalars stay text, with their quotes known; Envoy takes the last of equal keys.
  const documents = parseAllDocuments(text, {
    schema: "failsafe",
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
  });
  return (documents as Document.Parsed[]).map((document) => {
    const errors = document.errors.map(({ pos, message }) => ({
      at: pos[0],
      message: /call stack/.test(message) ? TOO_DEEP : message,
    }));
    const root = document.contents === null ? undefined : nodeOf(document.contents, errors, text);
    return { root, errors };
  });
}

function nodeOf(
  node: unknown,
  errors: { at: number; message: string }[],
  text: string,
): SourceNode {
  const known = new Map<unknown, SourceNode>();
  // The library looks through the whole document for each alias.
  const anchored = new Map<string, unknown>();
  const anchor = (from: unknown) => {
    const name = (from as { anchor?: string } | null)?.anchor;
    if (name !== undefined) anchored.set(name, from);
  };
  /** Values of each node that an alias may stand for, with what aliases put into it. */
  const sizes = new Map<unknown, number>();
  let size = 0;
  let copied = 0;
  let level = 0;
  const refused = (at: number, message: string): SourceScalar => {
    if (!errors.some((error) => error.message === message)) errors.push({ at, message });
    return { kind: "scalar", at, value: null };
  };
  const read = (from: unknown): SourceNode => {
    if (isAlias(from)) {
      const target = anchored.get(from.source);
      const at = from.range?.[0] ?? 0;
      if (target === undefined || !known.has(target)) {
        errors.push({ at, message: `the alias *${from.source} stands for nothing before it` });
        return { kind: "scalar", at, value: null };
      }
      const more = sizes.get(target) ?? 1;
      size += more;
      copied += more;
      return copied > MAX_COPIED ? refused(at, TOO_MANY) : known.get(target) as SourceNode;
    }
    if (level === MAX_LEVELS) return refused(offsetOf(from), TOO_DEEP);
    anchor(from);
    const before = size++;
    level++;
    const made = readNode(from);
    level--;
    known.set(from, made);
    sizes.set(from, size - before);
    return made;
  };
  const readNode = (from: unknown): SourceNode => {
    const at = offsetOf(from);
    if (isSeq(from)) return { kind: "list", at, items: from.items.map(read) };
    if (isMap(from)) {
      // `{{ port }}` without quotes is a mapping whose key is one: a template that nobody filled in.
      const placeholder = /^\{\{.*?\}\}/s.exec(text.slice(at, at + MAX_PLACEHOLDER))?.[0];
      if (placeholder !== undefined && isMap(from.items[0]?.key)) {
        return { kind: "scalar", at, value: placeholder, isUnfilled: true };
      }
      const entries: SourceEntry[] = [];
      for (const { key, value } of from.items) {
        const keyNode = isAlias(key) ? anchored.get(key.source) : key;
        anchor(keyNode);
        const keyAt = (key as { range?: [number, number, number] } | null)?.range?.[0] ?? at;
        if (!isScalar(keyNode)) {
          errors.push({ at: keyAt, message: "a key must be a plain word" });
          continue;
        }
        // Envoy leaves out what is marked so, to hold anchors.
        if (keyNode.tag === "!ignore") {
          read(value ?? null);
          continue;
        }
        entries.push({ key: String(keyNode.value ?? ""), keyAt, value: read(value ?? null) });
      }
      return { kind: "map", at, entries };
    }
    if (isScalar(from)) return scalar(from, at, text);
    return { kind: "scalar", at, value: null };
  };
  return read(node);
}

function offsetOf(node: unknown): number {
  return (node as { range?: [number, number, number] } | null)?.range?.[0] ?? 0;
}

function scalar(from: YamlScalar, at: number, text: string): SourceScalar {
  const value = typeof from.value === "string" ? from.value : "";
  if (from.type === "PLAIN") return { kind: "scalar", at, value: plainScalar(value) };
  if (from.type === "BLOCK_LITERAL") {
    const first = text.indexOf("\n", at) + 1;
    const indent = /^(?:[ \t]*\n)*( *)/.exec(text.slice(first))?.[1]?.length ?? 0;
    return { kind: "scalar", at, value, block: { at: first, indent } };
  }
  return { kind: "scalar", at, value: from.type === undefined ? plainScalar(value) : value };
}

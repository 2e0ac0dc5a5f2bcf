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
    const errors = document.errors.map(({ pos, message }) => ({ at: pos[0], message }));
    const root = document.contents === null
      ? undefined
      : nodeOf(document.contents, document, errors, text);
    return { root, errors };
  });
}

function nodeOf(
  node: unknown,
  document: Document.Parsed,
  errors: { at: number; message: string }[],
  text: string,
): SourceNode {
  const known = new Map<unknown, SourceNode>();
  const read = (from: unknown): SourceNode => {
    if (isAlias(from)) {
      const target = from.resolve(document);
      const at = from.range?.[0] ?? 0;
      if (target === undefined || !known.has(target)) {
        errors.push({ at, message: `the alias *${from.source} stands for nothing before it` });
        return { kind: "scalar", at, value: null };
      }
      return known.get(target) as SourceNode;
    }
    const made = readNode(from);
    known.set(from, made);
    return made;
  };
  const readNode = (from: unknown): SourceNode => {
    const at = (from as { range?: [number, number, number] } | null)?.range?.[0] ?? 0;
    if (isSeq(from)) return { kind: "list", at, items: from.items.map(read) };
    if (isMap(from)) {
      // `{{ port }}` without quotes is a mapping whose key is one: a template that nobody filled in.
      const placeholder = /^\{\{.*?\}\}/s.exec(text.slice(at, at + MAX_PLACEHOLDER))?.[0];
      if (placeholder !== undefined && isMap(from.items[0]?.key)) {
        return { kind: "scalar", at, value: placeholder, isUnfilled: true };
      }
      const entries: SourceEntry[] = [];
      for (const { key, value } of from.items) {
        const keyNode = isAlias(key) ? key.resolve(document) : key;
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

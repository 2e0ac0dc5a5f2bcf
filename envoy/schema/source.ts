/** A text of YAML or JSON as nodes with places: what both have in common, scalars already read as Envoy does. */
import type { Scalar } from "./scalars.ts";

/** One node of a text. `at` is its offset there. */
export type SourceNode = SourceMap | SourceList | SourceScalar;

export interface SourceMap {
  readonly kind: "map";
  readonly at: number;
  readonly entries: readonly SourceEntry[];
}

/** One key and its value. */
export interface SourceEntry {
  readonly key: string;
  readonly keyAt: number;
  readonly value: SourceNode;
}

export interface SourceList {
  readonly kind: "list";
  readonly at: number;
  readonly items: readonly SourceNode[];
}

export interface SourceScalar {
  readonly kind: "scalar";
  readonly at: number;
  readonly value: Scalar;
  /** Offset of the text within a YAML block (`|`), whose lines are lines of the file. */
  readonly block?: { readonly at: number; readonly indent: number };
  /** `{{ x }}` without quotes, of a template: YAML has a mapping there. */
  readonly isUnfilled?: true;
}

/** Where something stands, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Offsets of a text to lines and columns. */
export class Lines {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) {
      this.#starts.push(at + 1);
    }
  }

  position(at: number): Position {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: at - (this.#starts[low] ?? 0) + 1 };
  }
}

/** The value of a key; the last one holds where a key is there twice, as with Envoy. */
export function entryOf(node: SourceNode | undefined, key: string): SourceNode | undefined {
  return node?.kind === "map" ? node.entries.findLast((one) => one.key === key)?.value : undefined;
}

/** A scalar's text; `undefined` for anything else. */
export function textOf(node: SourceNode | undefined): string | undefined {
  return node?.kind === "scalar" && typeof node.value === "string" ? node.value : undefined;
}

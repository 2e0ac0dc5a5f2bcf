/** A fault that Envoy would refuse, and its place. */

/** Kinds of faults. */
export type ProblemKind =
  | "unknown-field"
  | "wrong-value"
  | "unknown-type"
  | "conflict"
  | "limit"
  | "template"
  | "old-api";

/** Something that Envoy would refuse, in words without a full stop. */
export interface Problem {
  readonly kind: ProblemKind;
  readonly place: Place;
  readonly found: string;
}

/** A field whose value Envoy would refuse, or that is missing; without a field it is about the message. */
export interface BrokenLimit {
  readonly field: string | undefined;
  readonly found: string;
}

/** Where a value stands in its text: its key as it is written, and what it is in. */
export interface Place {
  readonly parent?: Place;
  readonly key: string;
  /** Offset of the key, or of the item. */
  readonly at: number;
}

/** Keys as they are written, joined by slashes. */
export function spelledPath(place: Place): string {
  const keys: string[] = [];
  for (let at: Place | undefined = place; at !== undefined; at = at.parent) {
    if (at.key !== "") keys.unshift(at.key);
  }
  return keys.join("/");
}

/** Remains of a template that nobody filled in: `{{ x }}`, `${X}`, `<%= x %>`, `{% x %}`, `$(X)`. */
export const PLACEHOLDER = /\{\{[^}]*\}\}|\$\{[^}]*\}|\$\([A-Za-z_]\w*\)|<%.*%>|\{%.*%\}/;

import { isObject, type Json } from "./tree.ts";

/** A configuration with every field in Envoy's snake_case, and how each was spelled. */
export interface NormalForm {
  readonly root: Json;
  /** The path as it was written, by the path in snake_case, where the two differ. */
  readonly spelled: ReadonlyMap<string, string>;
}

/**
 * Spells every field in snake_case. Envoy takes protobuf's JSON names (`failureModeAllow`) as
 * well, and a rule should not have to. Keys with dots are names of extensions and stay.
 */
export function normalForm(value: Json): NormalForm {
  const spelled = new Map<string, string>();
  const walk = (at: Json, path: string, original: string): Json => {
    if (path !== original) spelled.set(path, original);
    const join = (base: string, key: string) => base === "" ? key : `${base}/${key}`;
    if (Array.isArray(at)) {
      return at.map((item, index) =>
        walk(item, join(path, String(index)), join(original, String(index)))
      );
    }
    if (!isObject(at)) return at;
    return Object.fromEntries(
      Object.entries(at).map(([key, child]) => {
        const name = snakeCase(key);
        return [name, walk(child, join(path, name), join(original, key))];
      }),
    );
  };
  return { root: walk(value, "", ""), spelled };
}

function snakeCase(key: string): string {
  if (!/^[a-z][a-zA-Z0-9]*$/.test(key)) return key;
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

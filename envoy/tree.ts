/** Reads and edits JSON trees by path. */
import { UsageError } from "../service/mod.ts";

/** A value of a parsed configuration: what JSON can hold. */
export type Json = null | boolean | number | string | Json[] | JsonObject;
/** An object of a parsed configuration. */
export interface JsonObject {
  [key: string]: Json;
}

/** One place where two configurations differ; `undefined` where one has nothing. */
export interface Difference {
  /** Keys and indices, joined by slashes. */
  readonly path: string;
  readonly from: Json | undefined;
  readonly to: Json | undefined;
}

/** Is it a mapping? */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns the value at a path of keys and indices joined by slashes, or `undefined`. */
export function valueAt(root: Json | undefined, path: string): Json | undefined {
  return path.split("/").reduce<Json | undefined>(child, root);
}

/** Returns the values that a pattern finds; `*` stands for every index and every key. */
export function valuesAt(root: Json, pattern: string): Json[] {
  let found: Json[] = [root];
  for (const step of pattern.split("/")) {
    found = found.flatMap((value) => {
      if (step === "*") return typeof value === "object" && value ? Object.values(value) : [];
      const next = child(value, step);
      return next === undefined ? [] : [next];
    });
  }
  return found;
}

/** Returns the mappings that a pattern finds. */
export function objectsAt(root: Json, pattern: string): JsonObject[] {
  return valuesAt(root, pattern).filter(isObject);
}

/**
 * Sets the value at a path, making the mappings on the way. Arrays must be there already.
 *
 * @throws {UsageError} when something else stands in the way: configurations are people's files
 */
export function setAt(root: JsonObject, path: string, value: Json): void {
  const steps = path.split("/");
  const last = steps.pop();
  let at: Json = root;
  for (const step of steps) {
    let next: Json | undefined = child(at, step);
    if (next === undefined && isObject(at)) next = at[step] = {};
    if (typeof next !== "object" || next === null) {
      throw new UsageError(`Cannot set "${path}": there is no mapping at "${step}"`);
    }
    at = next;
  }
  (at as JsonObject)[last as string] = value;
}

/** Deletes whatever a pattern finds. Mappings that become empty by it go as well. */
export function deleteAt(root: Json, pattern: string): void {
  deleteSteps(root, pattern.split("/"));
}

function deleteSteps(at: Json | undefined, steps: readonly string[]): void {
  const [step, ...rest] = steps;
  if (step === undefined || typeof at !== "object" || at === null) return;
  const keys = step === "*" ? Object.keys(at) : [step];
  for (const key of keys) {
    const holder = at as JsonObject;
    const next = child(at, key);
    if (next === undefined) continue;
    if (rest.length === 0) {
      delete holder[key];
      continue;
    }
    deleteSteps(next, rest);
    if (isObject(next) && Object.keys(next).length === 0) delete holder[key];
  }
}

/** Does a concrete path lie at a pattern's place, or below it? */
export function liesWithin(path: string, pattern: string): boolean {
  const steps = path.split("/");
  return pattern.split("/").every((step, index) =>
    steps[index] !== undefined && (step === "*" || step === steps[index])
  );
}

/** Returns every place where two values differ, down to the leaves of what only one of them has. */
export function differences(from: Json | undefined, to: Json | undefined, path = ""): Difference[] {
  const keys = [...new Set([...keysOf(from), ...keysOf(to)])];
  const nested = (value: Json | undefined) =>
    value === undefined || typeof value === "object" && value !== null;
  const alike = from === undefined || to === undefined || Array.isArray(from) === Array.isArray(to);
  if (keys.length > 0 && alike && nested(from) && nested(to)) {
    return keys.flatMap((key) =>
      differences(child(from, key), child(to, key), path === "" ? key : `${path}/${key}`)
    );
  }
  const same = from !== undefined && to !== undefined && canonicalJson(from) === canonicalJson(to);
  return same ? [] : [{ path, from, to }];
}

function keysOf(value: Json | undefined): string[] {
  return typeof value === "object" && value !== null ? Object.keys(value) : [];
}

/** JSON with sorted keys and no spaces: equal values have equal text. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).sort().map((key) =>
    `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`
  );
  return `{${members.join(",")}}`;
}

function child(value: Json | undefined, key: string): Json | undefined {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as JsonObject)[key];
}

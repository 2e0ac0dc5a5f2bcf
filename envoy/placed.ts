/** Values of a configuration with their places, and how rules find them. */
import { isObject, type Json, type JsonObject } from "./tree.ts";

/** A value and where it stands: keys and indices joined by slashes. */
export interface Placed<T = JsonObject> {
  readonly path: string;
  readonly value: T;
}

/** Returns the mappings that a pattern finds, with their places; `*` is any key or index. */
export function placedAt(from: Placed<Json>, pattern: string): Placed[] {
  let found: Placed<Json>[] = [from];
  for (const step of pattern.split("/")) {
    found = found.flatMap(({ path, value }) => {
      if (typeof value !== "object" || value === null) return [];
      const keys = step === "*" ? Object.keys(value) : Object.hasOwn(value, step) ? [step] : [];
      return keys.map((key) => ({
        path: path === "" ? key : `${path}/${key}`,
        value: (value as JsonObject)[key] ?? null,
      }));
    });
  }
  return found.filter((place): place is Placed => isObject(place.value));
}

/** Returns every message of a type (its last part) within a value, however deep, outermost first. */
export function messagesWithin(from: Placed<Json>, types: readonly string[]): Placed[] {
  const found: Placed[] = [];
  const walk = ({ path, value }: Placed<Json>): void => {
    if (typeof value !== "object" || value === null) return;
    if (isObject(value) && types.includes(typeName(value))) found.push({ path, value });
    for (const [key, child] of Object.entries(value)) {
      walk({ path: `${path}/${key}`, value: child });
    }
  };
  walk(from);
  return found;
}

/** Last part of a type URL: `ExtAuthz` of `type.googleapis.com/envoy….v3.ExtAuthz`. */
export function typeName(config: Json | undefined): string {
  const type = isObject(config) ? config["@type"] : undefined;
  return typeof type === "string" ? type.slice(type.lastIndexOf(".") + 1) : "";
}

/** Seconds of a protobuf duration (`1.5s`), or `undefined` for anything else. */
export function seconds(value: Json | undefined): number | undefined {
  const found = typeof value === "string" ? /^(\d+(?:\.\d+)?)s$/.exec(value) : null;
  return found?.[1] === undefined ? undefined : Number(found[1]);
}

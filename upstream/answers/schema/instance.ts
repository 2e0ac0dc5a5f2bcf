/** Makes an instance of a JSON Schema of the kind that structured outputs and tools use. */
import { RequestError } from "../request_error.ts";
import { exampleNumber, exampleText, FORMATS } from "./example_values.ts";
import { regexInstance } from "./regex.ts";
import { breachOf, resolveRef, type Schema, typeOf } from "./validity.ts";
import { Work } from "./work.ts";

/** Nesting beyond which optional parts and recursive references are left out. */
const DEPTH_LIMIT = 16;

/**
 * Returns a small instance that is valid under a schema, with values that look like their names: required properties
 * only, short texts and arrays. Honours `$ref` (local), `const`, `enum`, `default`, `examples`, `anyOf`, `oneOf`,
 * `allOf`, `pattern`, `format`, and the usual bounds; whatever else a schema asserts is checked.
 *
 * @throws {RequestError} 400 `unsupported_schema` naming the keyword that the instance would breach
 */
export function validInstance(schema: unknown, what: string): unknown {
  const work = new Work();
  const value = schemaInstance(schema, work);
  const breach = breachOf(value, schema, { work });
  if (breach === undefined) return value;
  throw new RequestError(
    `The mock cannot make up a value for ${what}: the keyword "${breach.keyword}" at "${breach.path}" is not honoured. ` +
      "Give the answer in a scenario.",
    { code: "unsupported_schema" },
  );
}

/** Returns an instance that satisfies every keyword that is solved; others are left to chance. */
export function schemaInstance(schema: unknown, work = new Work()): unknown {
  return instance(schema, { root: schema, work, depth: 0, name: "" });
}

interface Place {
  readonly root: unknown;
  readonly work: Work;
  readonly depth: number;
  /** The property that holds the value. */
  readonly name: string;
}

function instance(schema: unknown, place: Place): unknown {
  const { root, work, depth } = place;
  work.spend();
  if (schema === true) return exampleText(place.name);
  if (typeof schema !== "object" || schema === null || depth > DEPTH_LIMIT) return null;
  const s = schema as Schema;
  const deeper = { ...place, depth: depth + 1 };
  if (typeof s.$ref === "string") {
    return instance(merge([resolveRef(s.$ref, root), omit(s, "$ref")], root), deeper);
  }
  if ("const" in s) return s.const;
  if (Array.isArray(s.enum)) return s.enum[0];
  for (const key of ["anyOf", "oneOf"] as const) {
    const options = s[key];
    if (!Array.isArray(options) || options.length === 0) continue;
    // "null" ends a recursion; before that a value says more.
    const preferred = options.find((option) => (isNull(option) ? depth > 3 : depth <= 3));
    return instance(merge([omit(s, key), preferred ?? options[0]], root), deeper);
  }
  if (Array.isArray(s.allOf)) return instance(merge([omit(s, "allOf"), ...s.allOf], root), deeper);
  for (const written of [s.default, ...(Array.isArray(s.examples) ? s.examples : [])]) {
    if (written !== undefined && breachOf(written, s, { root, work }) === undefined) return written;
  }
  return typed(s, place);
}

function typed(s: Schema, place: Place): unknown {
  switch (typeOf(s)) {
    case "object":
      return object(s, place);
    case "array":
      return array(s, place);
    case "string":
      return string(s, place);
    case "integer":
      return Math.ceil(bounded(s, 1, Math.round(exampleNumber(place.name))));
    case "number":
      return bounded(s, 0.5, exampleNumber(place.name));
    case "boolean":
      return false;
    default:
      return null;
  }
}

function object(s: Schema, place: Place): Record<string, unknown> {
  const properties = (s.properties ?? {}) as Record<string, unknown>;
  const required = Array.isArray(s.required) ? s.required.map(String) : [];
  const names = [...required];
  const least = number(s.minProperties, 0);
  for (const name of Object.keys(properties)) {
    if (names.length < least && !names.includes(name)) names.push(name);
  }
  place.work.spend(Math.max(0, least - names.length));
  for (let i = 1; names.length < least; i++) names.push(`property${i}`);
  const result: Record<string, unknown> = {};
  for (const name of names) {
    result[name] = instance(properties[name] ?? s.additionalProperties ?? true, {
      ...place,
      depth: place.depth + 1,
      name,
    });
  }
  return result;
}

function array(s: Schema, place: Place): unknown[] {
  const prefix = Array.isArray(s.prefixItems) ? s.prefixItems : [];
  const needed = s.contains === undefined ? 0 : number(s.minContains, 1);
  const length = Math.max(number(s.minItems, 0), prefix.length, needed);
  place.work.spend(length);
  const items = Array.from(
    { length },
    (_, i) =>
      instance(prefix[i] ?? (i < needed ? s.contains : s.items) ?? true, {
        ...place,
        depth: place.depth + 1,
      }),
  );
  if (s.uniqueItems !== true) return items;
  return items.map((item, i) => i === 0 ? item : distinct(item, i));
}

/** Items that must differ get their place: `example`, `example2`, 1, 2. */
function distinct(item: unknown, index: number): unknown {
  if (typeof item === "string") return `${item}${index + 1}`;
  return typeof item === "number" ? item + index : item;
}

function string(s: Schema, { name, work }: Place): string {
  if (typeof s.pattern === "string") return regexInstance(s.pattern, work);
  const text = (typeof s.format === "string" ? FORMATS[s.format] : undefined) ?? exampleText(name);
  const least = number(s.minLength, 0);
  work.spend(least);
  return text.padEnd(least, "x").slice(0, Math.max(least, number(s.maxLength, Infinity)));
}

/** The number nearest to `wish` that the bounds allow; `step` is added to an exclusive bound. */
function bounded(s: Schema, step: number, wish: number): number {
  const low = Math.max(number(s.minimum, -Infinity), number(s.exclusiveMinimum, -Infinity) + step);
  const high = Math.min(number(s.maximum, Infinity), number(s.exclusiveMaximum, Infinity) - step);
  const multiple = number(s.multipleOf, 0);
  const value = wish < low ? low : wish > high ? high : wish;
  if (multiple <= 0) return value;
  const up = Math.ceil(value / multiple) * multiple;
  return up <= high ? up : Math.floor(value / multiple) * multiple;
}

function merge(schemas: unknown[], root: unknown): Schema {
  const merged: Schema = {};
  for (const part of schemas) {
    if (typeof part !== "object" || part === null) continue;
    const s = part as Schema;
    const plain = typeof s.$ref === "string" ? resolveRef(s.$ref, root) as Schema : s;
    const properties = { ...(merged.properties as Schema), ...(plain.properties as Schema) };
    const required = [
      ...(merged.required as string[] ?? []),
      ...(plain.required as string[] ?? []),
    ];
    Object.assign(merged, plain);
    if (Object.keys(properties).length > 0) merged.properties = properties;
    if (required.length > 0) merged.required = [...new Set(required)];
  }
  return merged;
}

function isNull(schema: unknown): boolean {
  return (schema as Schema | null)?.type === "null";
}

function number(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

function omit(s: Schema, key: string): Schema {
  return Object.fromEntries(Object.entries(s).filter(([name]) => name !== key));
}

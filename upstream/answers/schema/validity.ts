/** Checks a value against a JSON Schema (draft 2020-12): what the made-up instances are proven with. */
import { patternOf, Work } from "./work.ts";

/** A schema that is an object. */
export type Schema = Record<string, unknown>;

/** The keyword that a value breaches, and the JSON pointer of the value. */
export interface Breach {
  readonly keyword: string;
  readonly path: string;
}

/** Nesting at which a schema that holds itself is given up. */
const DEPTH_LIMIT = 32;

/** Returns the first keyword that a value breaches, or `undefined` when it is valid. `format` asserts nothing. */
export function breachOf(
  value: unknown,
  schema: unknown,
  { root = schema, work = new Work() }: { root?: unknown; work?: Work } = {},
): Breach | undefined {
  return check({ value, schema, root, work, path: "", depth: 0 });
}

/** Returns the type that a schema asks for; without one, the type that its keywords speak of. */
export function typeOf(s: Schema): string {
  const types = Array.isArray(s.type) ? s.type : [s.type];
  const type = types.find((candidate) => candidate !== "null") ?? types[0];
  if (typeof type === "string") return type.toLowerCase();
  const spoken = IMPLIED.find(([, keywords]) => keywords.some((keyword) => keyword in s));
  return spoken?.[0] ?? "string";
}

/** Keywords by the type that they are about (JSON Schema Validation, sections 6.2 to 6.5). */
const IMPLIED: readonly (readonly [string, readonly string[]])[] = [
  ["object", ["properties", "required", "additionalProperties", "minProperties", "propertyNames"]],
  ["array", ["items", "prefixItems", "minItems", "contains", "uniqueItems"]],
  ["number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]],
];

/** Returns what a local reference points at; an empty schema when there is nothing. */
export function resolveRef(ref: string, root: unknown): unknown {
  if (!ref.startsWith("#")) return {};
  let value = root;
  for (const part of ref.slice(1).split("/").filter(Boolean)) {
    const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    value = (value as Schema | undefined)?.[key];
  }
  return value ?? {};
}

interface Check {
  readonly value: unknown;
  readonly schema: unknown;
  readonly root: unknown;
  readonly work: Work;
  readonly path: string;
  readonly depth: number;
}

function check(at: Check): Breach | undefined {
  const { value, schema, root, work, path, depth } = at;
  work.spend();
  if (schema === false) return { keyword: "false", path };
  if (typeof schema !== "object" || schema === null || depth > DEPTH_LIMIT) return undefined;
  const s = schema as Schema;
  const inner: Inner = (other, member) =>
    check({
      value: member === undefined ? value : member.value,
      schema: other,
      root,
      work,
      path: member === undefined ? path : `${path}/${member.key}`,
      depth: depth + 1,
    });
  if (typeof s.$ref === "string") {
    const breach = inner(resolveRef(s.$ref, root));
    if (breach) return breach;
  }
  const plain = Object.keys(ASSERTIONS).find((keyword) =>
    keyword in s && ASSERTIONS[keyword]?.(s[keyword], value) === false
  );
  if (plain !== undefined) return { keyword: plain, path };
  return combined(s, { inner, path }) ?? members(s, value, { inner, path });
}

/** Checks the value itself, or one of its members, against another schema. */
type Inner = (
  schema: unknown,
  member?: { readonly value: unknown; readonly key: string | number },
) => Breach | undefined;

function combined(
  s: Schema,
  { inner, path }: { inner: Inner; path: string },
): Breach | undefined {
  const valid = (other: unknown) => inner(other) === undefined;
  for (const part of list(s.allOf)) {
    const breach = inner(part);
    if (breach) return breach;
  }
  if (Array.isArray(s.anyOf) && !s.anyOf.some(valid)) return { keyword: "anyOf", path };
  if (Array.isArray(s.oneOf) && s.oneOf.filter(valid).length !== 1) {
    return { keyword: "oneOf", path };
  }
  if (s.not !== undefined && valid(s.not)) return { keyword: "not", path };
  if (s.if === undefined) return undefined;
  const branch = valid(s.if) ? "then" : "else";
  return s[branch] !== undefined && !valid(s[branch]) ? { keyword: branch, path } : undefined;
}

/** Checks what a schema says about the members of an object or an array. */
function members(
  s: Schema,
  value: unknown,
  { inner, path }: { inner: Inner; path: string },
): Breach | undefined {
  if (Array.isArray(value)) {
    const prefix = list(s.prefixItems);
    for (const [i, item] of value.entries()) {
      const breach = inner(prefix[i] ?? (i < prefix.length ? true : s.items ?? true), {
        value: item,
        key: i,
      });
      if (breach) return breach;
    }
    if (s.contains === undefined) return undefined;
    const found = value.filter((item, i) =>
      inner(s.contains, { value: item, key: i }) === undefined
    ).length;
    const { minContains = 1, maxContains = Infinity } = s as Record<string, number>;
    if (found < minContains) return { keyword: "contains", path };
    return found > maxContains ? { keyword: "maxContains", path } : undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const properties = (s.properties ?? {}) as Schema;
  const patterns = Object.entries((s.patternProperties ?? {}) as Schema);
  for (const [name, inside] of Object.entries(value)) {
    const matching = patterns.filter(([pattern]) => patternOf(pattern).test(name));
    const schemas = [
      ...(Object.hasOwn(properties, name) ? [properties[name]] : []),
      ...matching.map(([, schema]) => schema),
    ];
    if (schemas.length === 0) schemas.push(s.additionalProperties ?? true);
    for (const schema of schemas) {
      const breach = inner(schema, { value: inside, key: name });
      if (breach) return breach;
    }
    if (s.propertyNames !== undefined && inner(s.propertyNames, { value: name, key: name })) {
      return { keyword: "propertyNames", path };
    }
  }
  for (const [name, schema] of Object.entries((s.dependentSchemas ?? {}) as Schema)) {
    if (Object.hasOwn(value, name) && inner(schema)) return { keyword: "dependentSchemas", path };
  }
  return undefined;
}

/** Keywords that look at one value alone: whether it satisfies what they say. */
const ASSERTIONS: Readonly<Record<string, (said: unknown, value: unknown) => boolean>> = {
  type: (said, value) => list(said, [said]).some((type) => isOfType(value, String(type))),
  const: (said, value) => same(said, value),
  enum: (said, value) => list(said).some((option) => same(option, value)),
  minimum: (said, value) => typeof value !== "number" || value >= Number(said),
  maximum: (said, value) => typeof value !== "number" || value <= Number(said),
  exclusiveMinimum: (said, value) => typeof value !== "number" || value > Number(said),
  exclusiveMaximum: (said, value) => typeof value !== "number" || value < Number(said),
  multipleOf: (said, value) => typeof value !== "number" || isMultiple(value, Number(said)),
  minLength: (said, value) => typeof value !== "string" || [...value].length >= Number(said),
  maxLength: (said, value) => typeof value !== "string" || [...value].length <= Number(said),
  pattern: (said, value) => typeof value !== "string" || patternOf(String(said)).test(value),
  minItems: (said, value) => !Array.isArray(value) || value.length >= Number(said),
  maxItems: (said, value) => !Array.isArray(value) || value.length <= Number(said),
  uniqueItems: (said, value) =>
    said !== true || !Array.isArray(value) ||
    new Set(value.map((item) => JSON.stringify(item))).size === value.length,
  minProperties: (said, value) => sizeOf(value, Infinity) >= Number(said),
  maxProperties: (said, value) => sizeOf(value, 0) <= Number(said),
  required: (said, value) =>
    !isObject(value) || list(said).every((name) => Object.hasOwn(value, String(name))),
  dependentRequired: (said, value) =>
    !isObject(value) ||
    Object.entries(said as Record<string, unknown>).every(([name, needed]) =>
      !Object.hasOwn(value, name) ||
      list(needed).every((other) => Object.hasOwn(value, String(other)))
    ),
};

/** The types of JSON Schema, and Gemini's, which are written in capitals. */
function isOfType(value: unknown, type: string): boolean {
  switch (type.toLowerCase()) {
    case "object":
      return isObject(value);
    case "array":
      return Array.isArray(value);
    case "null":
      return value === null;
    case "integer":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number";
    case "string":
      return typeof value === "string";
    case "boolean":
      return typeof value === "boolean";
    default:
      return true;
  }
}

function isMultiple(value: number, of: number): boolean {
  const share = value / of;
  return Math.abs(share - Math.round(share)) < 1e-9;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sizeOf(value: unknown, otherwise: number): number {
  return isObject(value) ? Object.keys(value).length : otherwise;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function list(value: unknown, otherwise: unknown[] = []): unknown[] {
  return Array.isArray(value) ? value : otherwise;
}

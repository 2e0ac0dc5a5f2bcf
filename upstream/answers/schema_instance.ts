/** Nesting beyond which optional parts and recursive references are left out. */
const DEPTH_LIMIT = 16;

type Schema = Record<string, unknown>;

/**
 * Returns a minimal instance that is valid under a JSON Schema of the kind that structured outputs
 * and tools use: required properties only, the shortest strings and arrays, the smallest numbers.
 * Understands `$ref` (local), `const`, `enum`, `default`, `anyOf`, `oneOf`, `allOf`, and the usual
 * bounds; `pattern` is not solved.
 */
export function schemaInstance(schema: unknown): unknown {
  return instance(schema, schema, 0);
}

function instance(schema: unknown, root: unknown, depth: number): unknown {
  if (typeof schema !== "object" || schema === null || depth > DEPTH_LIMIT) return null;
  const s = schema as Schema;
  if (typeof s.$ref === "string") return instance(resolve(s.$ref, root), root, depth + 1);
  if ("const" in s) return s.const;
  if (Array.isArray(s.enum)) return s.enum[0];
  for (const key of ["anyOf", "oneOf"] as const) {
    const options = s[key];
    if (!Array.isArray(options) || options.length === 0) continue;
    // "null" ends a recursion; before that a value says more.
    const preferred = options.find((option) => (isNull(option) ? depth > 3 : depth <= 3));
    return instance({ ...omit(s, key), ...(preferred ?? options[0]) }, root, depth + 1);
  }
  if (Array.isArray(s.allOf)) {
    return instance(merge([omit(s, "allOf"), ...s.allOf], root), root, depth + 1);
  }
  return typed(s, root, depth);
}

function typed(s: Schema, root: unknown, depth: number): unknown {
  switch (typeOf(s)) {
    case "object":
      return object(s, root, depth);
    case "array": {
      const prefix = Array.isArray(s.prefixItems) ? s.prefixItems : [];
      const length = Math.max(number(s.minItems, 0), prefix.length);
      return Array.from(
        { length },
        (_, i) => instance(prefix[i] ?? s.items ?? {}, root, depth + 1),
      );
    }
    case "string":
      return string(s);
    case "integer":
      return Math.ceil(bounded(s, 1));
    case "number":
      return bounded(s, 0.5);
    case "boolean":
      return false;
    default:
      return null;
  }
}

function object(s: Schema, root: unknown, depth: number): Record<string, unknown> {
  const properties = (s.properties ?? {}) as Record<string, unknown>;
  const required = Array.isArray(s.required) ? s.required.map(String) : [];
  const result: Record<string, unknown> = {};
  for (const name of required) result[name] = instance(properties[name] ?? {}, root, depth + 1);
  return result;
}

/** The shortest example of each format that JSON Schema names. */
const FORMATS: Readonly<Record<string, string>> = {
  "date-time": "2024-01-01T00:00:00Z",
  "date": "2024-01-01",
  "time": "00:00:00Z",
  "duration": "P1D",
  "email": "a@example.com",
  "hostname": "example.com",
  "ipv4": "192.0.2.1",
  "ipv6": "2001:db8::1",
  "uri": "https://example.com",
  "uuid": "00000000-0000-4000-8000-000000000000",
};

function string(s: Schema): string {
  const format = typeof s.format === "string" ? FORMATS[s.format] : undefined;
  return (format ?? "").padEnd(number(s.minLength, 0), "x");
}

/** The number nearest to zero that the bounds allow; `step` is added to an exclusive bound. */
function bounded(s: Schema, step: number): number {
  const low = Math.max(number(s.minimum, -Infinity), number(s.exclusiveMinimum, -Infinity) + step);
  const high = Math.min(number(s.maximum, Infinity), number(s.exclusiveMaximum, Infinity) - step);
  const multiple = number(s.multipleOf, 0);
  const value = low > 0 ? low : high < 0 ? high : 0;
  return multiple > 0 ? Math.ceil(value / multiple) * multiple : value;
}

function typeOf(s: Schema): string {
  const types = Array.isArray(s.type) ? s.type : [s.type];
  const type = types.find((candidate) => candidate !== "null") ?? types[0];
  if (typeof type === "string") return type;
  if ("properties" in s || "required" in s) return "object";
  return "items" in s ? "array" : "string";
}

function resolve(ref: string, root: unknown): unknown {
  if (!ref.startsWith("#")) return {};
  let value = root;
  for (const part of ref.slice(1).split("/").filter(Boolean)) {
    const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    value = (value as Schema | undefined)?.[key];
  }
  return value;
}

function merge(schemas: unknown[], root: unknown): Schema {
  const merged: Schema = {};
  for (const part of schemas) {
    const s = part as Schema;
    const plain = typeof s.$ref === "string" ? resolve(s.$ref, root) as Schema : s;
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

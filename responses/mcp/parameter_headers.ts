/**
 * Arguments that a tool wants to see in header fields, too, and how a value is written in one (MCP
 * 2026-07-28, "Custom Headers from Tool Parameters").
 */
import { Buffer } from "node:buffer";

/** An argument that is mirrored: the field's name, and the argument's path of properties. */
export interface ParameterHeader {
  readonly name: string;
  readonly path: readonly string[];
}

const ANNOTATION = "x-mcp-header";
const TYPES = ["string", "integer", "boolean"];
/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Keywords whose values are data, not schemas. */
const DATA = ["default", "const", "enum", "examples"];

/**
 * Returns the mirrored arguments of a tool's input schema.
 *
 * @throws {TypeError} where an annotation breaks a rule; such a tool must not be offered
 */
export function parameterHeadersOf(schema: unknown): ParameterHeader[] {
  const found: ParameterHeader[] = [];
  collect(schema, [], true, found);
  const names = new Set(found.map(({ name }) => name.toLowerCase()));
  if (names.size < found.length) throw new TypeError(`${ANNOTATION} names a header twice`);
  return found;
}

/** `reachable`: by nothing but `properties` from the root. */
function collect(
  schema: unknown,
  path: readonly string[],
  reachable: boolean,
  found: ParameterHeader[],
): void {
  if (Array.isArray(schema)) {
    for (const item of schema) collect(item, path, false, found);
    return;
  }
  if (typeof schema !== "object" || schema === null) return;
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === ANNOTATION) found.push(headerAt(schema, value, path, reachable));
    else if (keyword === "properties" && typeof value === "object" && value !== null) {
      for (const [name, property] of Object.entries(value)) {
        collect(property, [...path, name], reachable, found);
      }
    } else if (!DATA.includes(keyword)) collect(value, path, false, found);
  }
}

function headerAt(
  schema: { readonly type?: unknown },
  name: unknown,
  path: readonly string[],
  reachable: boolean,
): ParameterHeader {
  const place = `${ANNOTATION} of ${path.join(".") || "the schema"}`;
  if (!reachable || path.length === 0) throw new TypeError(`${place} is not at a plain property`);
  if (typeof name !== "string" || !TOKEN.test(name)) {
    throw new TypeError(`${place} is no name of a header field`);
  }
  if (!TYPES.includes(String(schema.type))) {
    throw new TypeError(`${place} is not at a ${TYPES.join(", ")}`);
  }
  return { name: `mcp-param-${name}`, path };
}

/** The header fields of a call: an argument that is absent or null has none. */
export function headersOfCall(
  headers: readonly ParameterHeader[],
  args: Readonly<Record<string, unknown>>,
): Record<string, string> {
  return Object.fromEntries(headers.flatMap(({ name, path }) => {
    const value = path.reduce<unknown>(
      (at, key) => (at as Record<string, unknown> | null | undefined)?.[key],
      args,
    );
    return value === undefined || value === null ? [] : [[name, headerValue(String(value))]];
  }));
}

/** A value as a header field carries it: as it is, or marked as Base64 of its UTF-8. */
export function headerValue(value: string): string {
  const plain = /^[\t\x20-\x7e]*$/.test(value) && value.trim() === value &&
    !/^=\?base64\?.*\?=$/.test(value);
  return plain ? value : `=?base64?${Buffer.from(value).toString("base64")}?=`;
}

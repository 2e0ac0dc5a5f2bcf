/** Reads the JSON body of a request against a schema, with OpenAI's words for what is wrong. */
import type { z } from "zod";
import { RequestError } from "./request_error.ts";

/**
 * Checks a JSON body against a schema.
 *
 * @throws {RequestError} 400 naming the first wrong parameter in `param`, as OpenAI does
 */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.path ?? [];
  if (path.length === 0) throw new RequestError("The request body must be a JSON object");
  const param = paramOf(path);
  const missing = valueAt(body, path) === undefined;
  throw new RequestError(
    missing
      ? `Missing required parameter: '${param}'.`
      : `Invalid value for '${param}': ${issue?.message ?? "not understood"}.`,
    { param, code: missing ? "missing_required_parameter" : "invalid_value" },
  );
}

/** Writes a path as OpenAI does: `messages[0].role`. */
export function paramOf(path: readonly PropertyKey[]): string {
  return path.map((part, i) =>
    typeof part === "number" ? `[${part}]` : i === 0 ? String(part) : `.${String(part)}`
  ).join("");
}

/** Returns the value at a path, or `undefined` when there is none. */
export function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

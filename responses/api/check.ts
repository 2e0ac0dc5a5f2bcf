/** Checks what was sent by its schema, and names the first field at fault in the API's own words. */
import type { z } from "zod";
import { invalidRequest } from "./errors.ts";

/**
 * Returns what a schema makes of a value that stands at this place of the request.
 *
 * @throws {ApiError} 400 that names the field
 */
export function checkedAt<T>(schema: z.ZodType<T>, value: unknown, at: readonly PropertyKey[]): T {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  const path = [...at, ...(issue?.path ?? [])];
  const param = path.map((step, i) =>
    typeof step === "number" ? `[${step}]` : i === 0 ? String(step) : `.${String(step)}`
  ).join("");
  if (valueAt(value, issue?.path ?? []) === undefined) {
    throw invalidRequest(`Missing required parameter: '${param}'`, param);
  }
  throw invalidRequest(`Invalid '${param}': ${issue?.message ?? "it does not fit"}`, param);
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

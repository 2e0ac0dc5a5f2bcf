/** The shape of a resource. */
import type { Context, Hono } from "hono";
import type { z } from "zod";
import { readBody } from "./body.ts";
import { decodedBody, tooLarge } from "./content_coding.ts";
import { isTooDeep } from "../../openai/mod.ts";
import { invalidRequest, tooDeep } from "./errors.ts";
import { type PageQuery, pageQuery } from "./page.ts";
import type { Tenant } from "./tenant.ts";

/** Variables of every handler's context: `context.get("tenant")`. */
export interface RouteEnv {
  Variables: { tenant: Tenant };
}

/** One resource of the API: its routes, and the path they stand under. */
export interface Resource {
  /** `/v1/files` */
  readonly path: string;
  readonly routes: Hono<RouteEnv>;
  /** Entries of `/openapi.json`, by method and path below `path`: `"GET /:id"`. */
  readonly operations: Operations;
}

export type Operations = Readonly<Record<string, Operation>>;

/** A route in words and schemas. */
export interface Operation {
  readonly summary: string;
  /** The JSON body that it reads. */
  readonly body?: z.ZodType;
  /** The fields of the form that it reads, beside the file. */
  readonly form?: z.ZodType;
  /** It takes `after`, `before`, `limit` and `order`. */
  readonly list?: boolean;
  /** Other parameters of its address, each with what it does. */
  readonly query?: Readonly<Record<string, string>>;
  /** Content types of its answer; JSON when left out. */
  readonly answers?: readonly string[];
}

/**
 * Reads a JSON body by its schema. A missing body counts as `{}`.
 *
 * @throws {ApiError} 400 that names the field
 */
export async function jsonBody<Schema extends z.ZodType>(
  context: Context<RouteEnv>,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const body = await readBody(context.req.raw);
  if (body === undefined) throw tooLarge();
  const bytes = await decodedBody(body, context.req.header("content-encoding"));
  const text = new TextDecoder().decode(bytes);
  let value: unknown = {};
  if (text.trim() !== "") {
    if (isTooDeep(text)) throw tooDeep();
    try {
      value = JSON.parse(text);
    } catch {
      throw invalidRequest("We could not parse the JSON body of your request");
    }
  }
  return checked(value, schema);
}

/**
 * Returns what a schema makes of a value.
 *
 * @throws {ApiError} 400 that names the field
 */
export function checked<Schema extends z.ZodType>(
  value: unknown,
  schema: Schema,
): z.infer<Schema> {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  const param = issue === undefined || issue.path.length === 0 ? null : issue.path.join(".");
  const what = param === null ? "body" : `'${param}'`;
  throw invalidRequest(`Invalid ${what}: ${issue?.message ?? "it does not fit"}`, param);
}

/** The page that a list's address asks for. */
export function pageOfRequest(
  context: Context<RouteEnv>,
  defaults?: Parameters<typeof pageQuery>[1],
): PageQuery {
  return pageQuery(new URL(context.req.url).searchParams, defaults);
}

/** The answer to a deletion. */
export function deleted<Name extends string>(id: string, object: Name) {
  return { id, object, deleted: true } as const;
}

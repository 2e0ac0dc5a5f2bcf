/** Tools of a request (OpenAI API reference, "Create a model response", `tools`), each in its flat form. */
import { z } from "zod";
import { checkedAt } from "./check.ts";

const functionTool = z.looseObject({
  type: z.literal("function"),
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});
const customTool = z.looseObject({
  type: z.literal("custom"),
  name: z.string().min(1),
  description: z.string().nullish(),
  format: z.looseObject({
    type: z.string(),
    syntax: z.string().nullish(),
    definition: z.string().nullish(),
  }).nullish(),
});
const namespaceTool = z.looseObject({
  type: z.literal("namespace"),
  name: z.string().min(1),
  description: z.string().nullish(),
  tools: z.array(z.looseObject({ type: z.string() })).nullish(),
});
const fileSearchTool = z.looseObject({
  type: z.literal("file_search"),
  vector_store_ids: z.array(z.string()).default([]),
  max_num_results: z.int().min(1).max(50).nullish(),
  filters: z.unknown().optional(),
  ranking_options: z.looseObject({}).nullish(),
});
const webSearchTool = z.looseObject({
  type: z.string().startsWith("web_search"),
  search_context_size: z.string().nullish(),
  user_location: z.looseObject({}).nullish(),
});
const mcpFilter = z.looseObject({
  tool_names: z.array(z.string()).nullish(),
  read_only: z.boolean().nullish(),
});
const mcpTool = z.looseObject({
  type: z.literal("mcp"),
  server_label: z.string().min(1),
  server_url: z.string().nullish(),
  connector_id: z.string().nullish(),
  allowed_tools: z.union([z.array(z.string()), mcpFilter]).nullish(),
  require_approval: z.union([
    z.enum(["always", "never"]),
    z.looseObject({ always: mcpFilter.nullish(), never: mcpFilter.nullish() }),
  ]).nullish(),
});

export type FunctionTool = z.infer<typeof functionTool>;
export type CustomTool = z.infer<typeof customTool>;
export type NamespaceTool = z.infer<typeof namespaceTool>;
export type FileSearchTool = z.infer<typeof fileSearchTool>;
export type WebSearchTool = z.infer<typeof webSearchTool>;
export type McpFilter = z.infer<typeof mcpFilter>;
export type McpTool = z.infer<typeof mcpTool>;

/** A tool as it was sent, in its flat form. */
export type Tool = { readonly type: string; readonly [field: string]: unknown };

/** Tools that the model is offered. A tool of another type is kept in the response, and not offered. */
const SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  function: functionTool,
  custom: customTool,
  namespace: namespaceTool,
  file_search: fileSearchTool,
  web_search: webSearchTool,
  mcp: mcpTool,
};

/** The kind of a tool: some have versions in their type. */
export function kindOfTool(type: string): string {
  return type.startsWith("web_search") ? "web_search" : type;
}

/**
 * Returns a tool in its flat form: some clients nest a tool's options under its own name.
 *
 * @throws {ApiError} 400 for a tool of a known type that does not hold what it must
 */
export function toolOf(given: Tool, index: number): Tool {
  const kind = kindOfTool(given.type);
  const schema = Object.hasOwn(SCHEMAS, kind) ? SCHEMAS[kind] : undefined;
  if (schema === undefined) return given;
  const { [given.type]: nested, ...rest } = given;
  const flat = typeof nested === "object" && nested !== null
    ? { ...rest, ...nested, type: given.type }
    : given;
  const tool = checkedAt(schema, flat, ["tools", index]) as Tool;
  if (kind !== "namespace") return tool;
  const inner = (tool as NamespaceTool).tools ?? [];
  return { ...tool, tools: inner.map((one) => toolOf(one as Tool, index)) };
}

/** The body of `POST /v1/responses` (OpenAI API reference, "Create a model response"). */
import { z } from "zod";
import { ApiError, invalidRequest } from "./errors.ts";
import { type IdPrefix, newId } from "./id.ts";
import type { Item } from "./objects.ts";

/** Everything that `include` may ask for. */
export const INCLUDES = [
  "message.output_text.logprobs",
  "file_search_call.results",
  "web_search_call.action.sources",
  "message.input_image.image_url",
  "reasoning.encrypted_content",
  "code_interpreter_call.outputs",
  "computer_call_output.output.image_url",
] as const;

/** Tools that are run here or handed to the caller. */
const TOOLS = ["function", "file_search", "web_search", "mcp"] as const;

const ROLES = ["user", "assistant", "system", "developer"] as const;
const FEW = 16;

const part = z.looseObject({ type: z.string() });
const message = z.looseObject({
  type: z.literal("message"),
  role: z.enum(ROLES),
  content: z.union([z.string(), z.array(part)]),
});
const functionCall = z.looseObject({
  type: z.literal("function_call"),
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
});
const functionCallOutput = z.looseObject({
  type: z.literal("function_call_output"),
  call_id: z.string(),
  output: z.union([z.string(), z.array(part)]),
});
const approval = z.looseObject({
  type: z.literal("mcp_approval_response"),
  approval_request_id: z.string(),
  approve: z.boolean(),
});
const reference = z.looseObject({ type: z.literal("item_reference"), id: z.string() });

/** What an item of a known type must hold; items of other types pass as they are. */
const ITEMS: Readonly<Record<string, z.ZodType>> = {
  message,
  function_call: functionCall,
  function_call_output: functionCallOutput,
  mcp_approval_response: approval,
  item_reference: reference,
};

const functionTool = z.looseObject({
  type: z.literal("function"),
  name: z.string().min(1),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
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
const toolNames = z.looseObject({ tool_names: z.array(z.string()).optional() });
const mcpTool = z.looseObject({
  type: z.literal("mcp"),
  server_label: z.string().min(1),
  server_url: z.string().nullish(),
  connector_id: z.string().nullish(),
  allowed_tools: z.union([z.array(z.string()), toolNames]).nullish(),
  require_approval: z.union([
    z.enum(["always", "never"]),
    z.looseObject({ always: toolNames.optional(), never: toolNames.optional() }),
  ]).nullish(),
});

export type FunctionTool = z.infer<typeof functionTool>;
export type FileSearchTool = z.infer<typeof fileSearchTool>;
export type WebSearchTool = z.infer<typeof webSearchTool>;
export type McpTool = z.infer<typeof mcpTool>;

const TOOL_SCHEMAS: Readonly<Record<typeof TOOLS[number], z.ZodType>> = {
  function: functionTool,
  file_search: fileSearchTool,
  web_search: webSearchTool,
  mcp: mcpTool,
};

const format = z.union([
  z.looseObject({ type: z.enum(["text", "json_object"]) }),
  z.looseObject({
    type: z.literal("json_schema"),
    name: z.string().min(1),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().nullish(),
  }),
]);

/** The body of `POST /v1/responses`. Unknown fields are ignored. */
export const createSchema = z.object({
  model: z.string().min(1),
  input: z.union([z.string(), z.array(z.looseObject({}))]).optional(),
  instructions: z.string().nullish(),
  previous_response_id: z.string().nullish(),
  conversation: z.union([z.string(), z.looseObject({ id: z.string() })]).nullish(),
  prompt: z.looseObject({
    id: z.string(),
    version: z.union([z.string(), z.int()]).nullish(),
    variables: z.record(z.string(), z.unknown()).nullish(),
  }).nullish(),
  tools: z.array(z.looseObject({ type: z.string() })).nullish(),
  tool_choice: z.union([
    z.enum(["none", "auto", "required"]),
    z.looseObject({ type: z.string() }),
  ]).nullish(),
  stream: z.boolean().nullish(),
  background: z.boolean().nullish(),
  store: z.boolean().nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  max_tool_calls: z.int().min(1).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  metadata: z.record(z.string().max(64), z.string().max(512))
    .refine((pairs) => Object.keys(pairs).length <= FEW, `expected at most ${FEW} pairs`)
    .nullish(),
  reasoning: z.looseObject({ effort: z.string().nullish() }).nullish(),
  truncation: z.enum(["auto", "disabled"]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.looseObject({ format: format.nullish(), verbosity: z.string().nullish() }).nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  service_tier: z.string().nullish(),
  include: z.array(z.enum(INCLUDES)).nullish(),
  user: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
});

/** A request as it was checked: `input` are items with ids, every tool has its flat form. */
export type CreateRequest =
  & Omit<z.infer<typeof createSchema>, "input" | "tools" | "conversation">
  & {
    readonly input: readonly (Item & { readonly id: string })[];
    readonly tools: readonly Tool[];
    /** Id of the conversation. */
    readonly conversation: string | undefined;
  };

/** A tool as it was sent, in its flat form. */
export type Tool = { readonly type: string; readonly [field: string]: unknown };

/**
 * Checks a request.
 *
 * @throws {ApiError} 400 that names the first field at fault
 */
export function parseCreate(body: unknown): CreateRequest {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalidRequest("The request's body must be a JSON object");
  }
  const read = checked(createSchema, body, []);
  const { input, tools, conversation, ...rest } = read;
  // What a template says may be all there is to say.
  if (input === undefined && !read.prompt) {
    throw invalidRequest("Missing required parameter: 'input'", "input");
  }
  if (read.previous_response_id && conversation) {
    throw invalidRequest(
      "'conversation' and 'previous_response_id' are mutually exclusive: name one of them",
      "conversation",
    );
  }
  if (read.prompt && read.instructions) {
    throw invalidRequest(
      "'prompt' and 'instructions' are mutually exclusive: the prompt's template becomes the instructions",
      "instructions",
    );
  }
  if (read.background && read.store === false) {
    throw invalidRequest("'background' needs 'store': its answer is read from the store", "store");
  }
  return {
    ...rest,
    input: itemsOf(input ?? []),
    tools: (tools ?? []).map(toolOf),
    conversation: typeof conversation === "string" ? conversation : conversation?.id,
  };
}

/** Returns items with their types and ids; a text is a user's message. */
export function itemsOf(
  input: string | readonly Record<string, unknown>[],
  field = "input",
): (Item & { readonly id: string })[] {
  if (typeof input === "string") {
    return [{ ...userMessage(input), id: newId("msg") }];
  }
  return input.map((given, index) => {
    const type = given["type"] ??
      ("role" in given && "content" in given ? "message" : undefined);
    if (typeof type !== "string") {
      throw invalidRequest(`Missing required parameter: '${field}[${index}].type'`, field);
    }
    const item = { ...given, type };
    const schema = ITEMS[type];
    if (schema !== undefined) checked(schema, item, [field, index]);
    const id = given["id"];
    return {
      ...withParts(item),
      id: typeof id === "string" && id !== "" ? id : newId(prefixOf(type)),
    };
  });
}

function userMessage(text: string): Item {
  return { type: "message", role: "user", content: [{ type: "input_text", text }] };
}

/** A message's text in the form in which items are listed: as parts. */
function withParts(item: Item): Item {
  if (item.type !== "message" || typeof item["content"] !== "string") return item;
  const type = item["role"] === "assistant" ? "output_text" : "input_text";
  const more = type === "output_text" ? { annotations: [] } : {};
  return { ...item, content: [{ type, text: item["content"], ...more }] };
}

const PREFIXES: Readonly<Record<string, IdPrefix>> = {
  message: "msg",
  function_call: "fc",
  function_call_output: "fco",
  reasoning: "rs",
  mcp_approval_response: "mcpr",
};

function prefixOf(type: string): IdPrefix {
  return PREFIXES[type] ?? "item";
}

function toolOf(
  given: { readonly type: string; readonly [field: string]: unknown },
  index: number,
): Tool {
  const kind = given.type.startsWith("web_search") ? "web_search" : given.type;
  const known = TOOLS.find((name) => name === kind);
  if (known === undefined) {
    throw new ApiError(
      400,
      "unsupported_tool",
      `Cannot offer a tool of type '${given.type}': this gateway has ${TOOLS.join(", ")}`,
      `tools[${index}].type`,
    );
  }
  // Some clients nest a tool's options under its own name.
  const nested = given[given.type];
  const flat = typeof nested === "object" && nested !== null
    ? { ...without(given, given.type), ...nested }
    : given;
  return checked(TOOL_SCHEMAS[known], flat, ["tools", index]) as Tool;
}

function without<T extends object>(from: T, key: string): Partial<T> {
  return Object.fromEntries(Object.entries(from).filter(([name]) => name !== key)) as Partial<T>;
}

function checked<T>(schema: z.ZodType<T>, value: unknown, at: readonly PropertyKey[]): T {
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

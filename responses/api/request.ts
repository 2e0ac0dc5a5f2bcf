/** The body of `POST /v1/responses` (OpenAI API reference, "Create a model response"). */
import { z } from "zod";
import { checkedAt } from "./check.ts";
import { invalidRequest } from "./errors.ts";
import { itemsOf } from "./items.ts";
import type { Item } from "./objects.ts";
import { type Tool, toolOf } from "./tools.ts";

/** Everything that `include` may ask for. */
export const INCLUDES = [
  "message.output_text.logprobs",
  "file_search_call.results",
  "web_search_call.action.sources",
  "web_search_call.results",
  "message.input_image.image_url",
  "reasoning.encrypted_content",
  "code_interpreter_call.outputs",
  "computer_call_output.output.image_url",
] as const;

const FEW = 16;

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
  reasoning: z.looseObject({
    effort: z.string().nullish(),
    summary: z.string().nullish(),
  }).nullish(),
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

/**
 * Checks a request.
 *
 * @throws {ApiError} 400 that names the first field at fault
 */
export function parseCreate(
  body: unknown,
  { inputOptional = false }: { readonly inputOptional?: boolean } = {},
): CreateRequest {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalidRequest("The request's body must be a JSON object");
  }
  const read = checkedAt(createSchema, body, []);
  const { input, tools, conversation, ...rest } = read;
  // What a template says may be all there is to say.
  if (input === undefined && !read.prompt && !inputOptional) {
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

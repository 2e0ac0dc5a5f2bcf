import { z } from "zod";
import type { ChatRequest } from "../../openai/mod.ts";
import { RequestError } from "./answer.ts";

const MESSAGE = z.looseObject({ role: z.string() });
const TOOL = z.looseObject({
  type: z.string(),
  function: z.looseObject({ name: z.string() }).optional(),
});

/** What the mock needs to be right in a chat request; everything else passes. */
const CHAT = z.looseObject({
  model: z.string().min(1),
  messages: z.array(MESSAGE).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  n: z.number().int().min(1).max(128).nullish(),
  max_tokens: z.number().int().min(1).nullish(),
  max_completion_tokens: z.number().int().min(1).nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  tools: z.array(TOOL).nullish(),
  tool_choice: z.union([z.string(), z.looseObject({ type: z.string() })]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: z.looseObject({ type: z.string() }).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
  reasoning_effort: z.string().nullish(),
});

/**
 * Returns the body as a chat request.
 *
 * @throws {RequestError} 400 naming the first wrong parameter, as OpenAI does
 */
export function parseChatRequest(body: unknown): ChatRequest {
  return parseBody(CHAT, body) as ChatRequest;
}

/**
 * Checks a JSON body against a schema.
 *
 * @throws {RequestError} 400 with `param`
 */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.path ?? [];
  const param = path.map((part, i) =>
    typeof part === "number" ? `[${part}]` : i === 0 ? String(part) : `.${String(part)}`
  ).join("");
  if (path.length === 0) throw new RequestError("The request body must be a JSON object");
  const missing = valueAt(body, path) === undefined;
  throw new RequestError(
    missing
      ? `Missing required parameter: '${param}'.`
      : `Invalid value for '${param}': ${issue?.message ?? "not understood"}.`,
    { param, code: missing ? "missing_required_parameter" : "invalid_value" },
  );
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const part of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

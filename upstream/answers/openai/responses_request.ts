/** Reads a request for a response (API reference, "Create a model response"). */
import { z } from "zod";
import { type ContentPart, textOf } from "../../../openai/mod.ts";
import { RequestError } from "../request_error.ts";
import {
  type Ask,
  type AskChoice,
  type AskTool,
  type AskTurn,
  reasoningTokens,
} from "../../../dialects/mod.ts";
import { parseBody } from "../request_body.ts";
import { customOf } from "./chat_request.ts";

const RESPONSES = z.looseObject({
  model: z.string().min(1),
  input: z.union([z.string(), z.array(z.looseObject({}))]),
  instructions: z.string().nullish(),
  stream: z.boolean().nullish(),
  max_output_tokens: z.number().int().min(1).nullish(),
  tools: z.array(z.looseObject({ type: z.string(), name: z.string().optional() })).nullish(),
  tool_choice: z.union([
    z.enum(["none", "auto", "required"]),
    z.looseObject({
      type: z.string(),
      name: z.string().optional(),
      mode: z.enum(["auto", "required"]).optional(),
      tools: z.array(z.looseObject({ type: z.string(), name: z.string().optional() })).optional(),
    }),
  ]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.looseObject({ format: z.looseObject({ type: z.string() }).nullish() }).nullish(),
  reasoning: z.looseObject({ effort: z.string().nullish() }).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  previous_response_id: z.string().nullish(),
});

/** A request for a response. */
export type ResponsesRequest = z.infer<typeof RESPONSES>;

/**
 * Returns the body as a request for a response.
 *
 * @throws {RequestError} 400 naming the first wrong parameter, as OpenAI does
 */
export function parseResponsesRequest(body: unknown): ResponsesRequest {
  const request = parseBody(RESPONSES, body);
  const { choice, tools } = askOfResponses(request);
  const missing = choice.names?.find((name) => !tools.some((tool) => tool.name === name));
  if (missing !== undefined) {
    throw new RequestError(`Tool choice '${missing}' not found in 'tools' parameter.`, {
      param: "tool_choice",
    });
  }
  return request;
}

/** Reads a request into the neutral form. */
export function askOfResponses(request: ResponsesRequest): Ask {
  const items = typeof request.input === "string"
    ? [{ role: "user", content: request.input }]
    : request.input;
  const isSystem = (item: Record<string, unknown>) =>
    item.role === "system" || item.role === "developer";
  const format = request.text?.format;
  const schema = format?.type === "json_schema"
    ? format.schema ?? { type: "object" }
    : format?.type === "json_object"
    ? { type: "object" }
    : undefined;
  return {
    model: request.model,
    stream: request.stream === true,
    system: [
      ...(request.instructions ? [request.instructions] : []),
      ...items.filter(isSystem).map(textOfItem),
    ],
    turns: items.filter((item) => !isSystem(item)).map(turnOf),
    tools: (request.tools ?? []).flatMap(toolOf),
    choice: choiceOf(request.tool_choice),
    parallel: request.parallel_tool_calls === true,
    limit: request.max_output_tokens ?? Infinity,
    stop: [],
    reasoning: reasoningTokens(request.reasoning?.effort),
    ...(schema === undefined ? {} : { schema }),
    count: 1,
  };
}

function turnOf(item: Record<string, unknown>): AskTurn {
  const type = String(item.type ?? "message");
  const isCall = type === "function_call" || type === "custom_tool_call";
  const role = type.endsWith("_output") ? "tool" : item.role === "user" ? "user" : "assistant";
  const parts = Array.isArray(item.content) ? item.content as ContentPart[] : [];
  return {
    role,
    text: textOfItem(item),
    images: parts.filter((part) => part.type === "input_image").length,
    calls: isCall ? [String(item.name ?? "")] : [],
    ...(role === "tool" ? { answers: String(item.call_id ?? "") } : {}),
  };
}

function textOfItem(item: Record<string, unknown>): string {
  const content = item.content ?? item.output;
  return typeof content === "string" || Array.isArray(content) ? textOf(content) : "";
}

/** Functions and custom tools; what OpenAI runs itself is never called. */
function toolOf(tool: NonNullable<ResponsesRequest["tools"]>[number]): AskTool[] {
  const { type, name = "" } = tool;
  if (type === "function") return [{ name, parameters: tool.parameters ?? {} }];
  if (type !== "custom") return [];
  const format = tool.format as { syntax?: string; definition?: string } | undefined;
  return [{ name, custom: customOf(format) }];
}

function choiceOf(choice: ResponsesRequest["tool_choice"]): AskChoice {
  if (choice === null || choice === undefined) return { mode: "auto" };
  if (typeof choice === "string") return { mode: choice };
  if (choice.type === "allowed_tools") {
    const named = (choice.tools ?? []).flatMap(({ name }) => name === undefined ? [] : [name]);
    return { mode: choice.mode ?? "auto", names: named };
  }
  // A hosted tool that is chosen is none of ours to call.
  if (choice.name === undefined) return { mode: "none" };
  return { mode: "required", names: [choice.name] };
}

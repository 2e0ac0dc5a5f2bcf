/** Reads a chat request: what OpenAI refuses is refused, what it does not know passes. */
import { z } from "zod";
import { type ChatMessage, type ChatRequest, textOf } from "../../../openai/mod.ts";
import { RequestError } from "../request_error.ts";
import {
  type Ask,
  type AskChoice,
  type AskTool,
  type AskTurn,
  reasoningTokens,
} from "../../../dialects/mod.ts";
import { parseBody } from "../request_body.ts";

/** Roles of a chat message (API reference, "Create chat completion"). */
const ROLES = ["developer", "system", "user", "assistant", "tool", "function"] as const;
/** Names of functions and schemas (API reference, `tools`). */
const NAME = z.string().regex(
  /^[a-zA-Z0-9_-]{1,64}$/,
  "expected a name of 1 to 64 letters, digits, underscores and dashes",
);

const CALL = z.discriminatedUnion("type", [
  z.looseObject({
    id: z.string(),
    type: z.literal("function"),
    function: z.looseObject({ name: z.string(), arguments: z.string() }),
  }),
  z.looseObject({
    id: z.string(),
    type: z.literal("custom"),
    custom: z.looseObject({ name: z.string(), input: z.string() }),
  }),
]);

const MESSAGE = z.looseObject({
  role: z.enum(ROLES),
  content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]).nullish(),
  tool_call_id: z.string().optional(),
  tool_calls: z.array(CALL).nullish(),
});

const FORMAT = z.looseObject({
  type: z.enum(["text", "grammar"]),
  grammar: z.looseObject({ syntax: z.enum(["lark", "regex"]), definition: z.string() }).optional(),
});

/** Tools of a chat request: functions with a schema, and custom tools with free text. */
const TOOL = z.discriminatedUnion("type", [
  z.looseObject({
    type: z.literal("function"),
    function: z.looseObject({ name: NAME, parameters: z.looseObject({}).nullish() }),
  }),
  z.looseObject({
    type: z.literal("custom"),
    custom: z.looseObject({ name: NAME, format: FORMAT.nullish() }),
  }),
]);

/** `tool_choice` in all its forms. */
const CHOICE = z.union([
  z.enum(["none", "auto", "required"]),
  z.looseObject({ type: z.literal("function"), function: z.looseObject({ name: z.string() }) }),
  z.looseObject({ type: z.literal("custom"), custom: z.looseObject({ name: z.string() }) }),
  z.looseObject({
    type: z.literal("allowed_tools"),
    allowed_tools: z.looseObject({
      mode: z.enum(["auto", "required"]),
      tools: z.array(z.looseObject({ type: z.string() })),
    }),
  }),
]);

const RESPONSE_FORMAT = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("text") }),
  z.looseObject({ type: z.literal("json_object") }),
  z.looseObject({
    type: z.literal("json_schema"),
    json_schema: z.looseObject({
      name: NAME,
      schema: z.looseObject({}).optional(),
      strict: z.boolean().nullish(),
    }),
  }),
]);

/** Fields of a chat request that are checked; all others pass. */
const CHAT = z.looseObject({
  model: z.string().min(1),
  messages: z.array(MESSAGE).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  n: z.number().int().min(1).max(128).nullish(),
  max_tokens: z.number().int().min(1).nullish(),
  max_completion_tokens: z.number().int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  tools: z.array(TOOL).max(128).nullish(),
  tool_choice: CHOICE.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: RESPONSE_FORMAT.nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.number().int().min(0).max(20).nullish(),
  reasoning_effort: z.string().nullish(),
});

/** Checks of fields that are each right but do not go together; in the order in which they are refused. */
const RULES: readonly {
  readonly param: string;
  readonly message: string;
  breached(request: ChatRequest): boolean;
}[] = [
  {
    param: "stream_options",
    message: "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    breached: ({ stream, stream_options }) => isSet(stream_options) && stream !== true,
  },
  {
    param: "max_tokens",
    message:
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported. Please use 'max_completion_tokens'.",
    breached: ({ max_tokens, max_completion_tokens }) =>
      isSet(max_tokens) && isSet(max_completion_tokens),
  },
  {
    param: "top_logprobs",
    message: "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
    breached: ({ logprobs, top_logprobs }) => isSet(top_logprobs) && logprobs !== true,
  },
  {
    param: "tool_choice",
    message:
      "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
    breached: ({ tools, tool_choice }) =>
      isSet(tool_choice) && tool_choice !== "none" && !tools?.length,
  },
  {
    param: "parallel_tool_calls",
    message:
      "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified.",
    breached: ({ tools, parallel_tool_calls }) => isSet(parallel_tool_calls) && !tools?.length,
  },
  {
    param: "messages",
    message:
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
    breached: ({ messages, response_format }) =>
      response_format?.type === "json_object" &&
      !messages.some((message) => /json/i.test(textOf(message.content))),
  },
];

/**
 * Returns the body as a chat request.
 *
 * @throws {RequestError} 400 naming the first wrong parameter, as OpenAI does
 */
export function parseChatRequest(body: unknown): ChatRequest {
  const request = parseBody(CHAT, body) as ChatRequest;
  const rule = RULES.find(({ breached }) => breached(request));
  if (rule) throw new RequestError(rule.message, { param: rule.param });
  checkToolMessages(request.messages);
  checkChosen(request);
  return request;
}

/** Every call wants its result before anything else is said, and every result its call. */
function checkToolMessages(messages: readonly ChatMessage[]): void {
  let open = new Set<string>();
  for (const [index, message] of messages.entries()) {
    const place = { param: `messages.[${index}].role` };
    if (message.role === "tool") {
      if (!open.delete(message.tool_call_id ?? "")) {
        throw new RequestError(
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
          place,
        );
      }
      continue;
    }
    if (open.size > 0) break;
    open = new Set((message.tool_calls ?? []).map((call) => call.id));
  }
  if (open.size === 0) return;
  throw new RequestError(
    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. " +
      `The following tool_call_ids did not have response messages: ${[...open].join(", ")}`,
    { param: "messages" },
  );
}

/** A tool that is chosen by name must be offered. */
function checkChosen(request: ChatRequest): void {
  const ask = askOfChat(request);
  for (const name of ask.choice.names ?? []) {
    if (ask.tools.some((tool) => tool.name === name)) continue;
    throw new RequestError(
      `Invalid value for 'tool_choice': tool_choice ${JSON.stringify(name)} is not in 'tools'.`,
      { param: "tool_choice", code: "invalid_value" },
    );
  }
}

/** Reads a chat request into the neutral form. */
export function askOfChat(request: ChatRequest): Ask {
  const isSystem = ({ role }: ChatMessage) => role === "system" || role === "developer";
  const format = request.response_format;
  const schema = format?.type === "json_schema"
    ? format.json_schema?.schema ?? { type: "object" }
    : format?.type === "json_object"
    ? { type: "object" }
    : undefined;
  return {
    model: request.model,
    stream: request.stream === true,
    system: request.messages.filter(isSystem).map(({ content }) => textOf(content)),
    turns: request.messages.filter((message) => !isSystem(message)).map(turnOf),
    tools: (request.tools ?? []).map(toolOf),
    choice: choiceOf(request.tool_choice),
    parallel: request.parallel_tool_calls === true,
    limit: request.max_completion_tokens ?? request.max_tokens ?? Infinity,
    stop: typeof request.stop === "string" ? [request.stop] : request.stop ?? [],
    reasoning: reasoningTokens(request.reasoning_effort),
    ...(schema === undefined ? {} : { schema }),
    count: request.n ?? 1,
  };
}

function turnOf(message: ChatMessage): AskTurn {
  const { role, content } = message;
  return {
    role: role === "assistant" ? "assistant" : role === "user" ? "user" : "tool",
    text: textOf(content),
    images: Array.isArray(content) ? content.filter((part) => part.type === "image_url").length : 0,
    calls: (message.tool_calls ?? []).map(nameOf),
    ...(typeof message.tool_call_id === "string" ? { answers: message.tool_call_id } : {}),
  };
}

function toolOf(tool: NonNullable<ChatRequest["tools"]>[number]): AskTool {
  if (tool.type === "function") {
    return { name: tool.function.name, parameters: tool.function.parameters ?? {} };
  }
  return { name: tool.custom.name, custom: customOf(tool.custom.format?.grammar) };
}

/** Returns what a grammar asks of the text of a custom tool. */
export function customOf(
  grammar: { readonly syntax?: string; readonly definition?: string } | undefined,
): NonNullable<AskTool["custom"]> {
  if (grammar?.syntax === undefined) return {};
  return grammar.syntax === "regex"
    ? { regex: grammar.definition ?? "" }
    : { grammar: grammar.syntax };
}

function choiceOf(choice: ChatRequest["tool_choice"]): AskChoice {
  if (choice === null || choice === undefined) return { mode: "auto" };
  if (typeof choice === "string") return { mode: choice as AskChoice["mode"] };
  const allowed = choice.allowed_tools;
  if (allowed) return { mode: allowed.mode, names: allowed.tools.map(nameOf) };
  return { mode: "required", names: [nameOf(choice)] };
}

function nameOf(
  tool: { readonly function?: { name: string }; readonly custom?: { name: string } },
): string {
  return tool.function?.name ?? tool.custom?.name ?? "";
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

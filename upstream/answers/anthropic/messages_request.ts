/** Reads a request for a message (Anthropic's API reference, "Create a Message"). */
import { z } from "zod";
import {
  type Ask,
  type AskChoice,
  type AskTool,
  type AskTurn,
  reasoningTokens,
} from "../../../dialects/mod.ts";
import { RequestError } from "../request_error.ts";

const BLOCK = z.looseObject({ type: z.string() });
const CONTENT = z.union([z.string(), z.array(BLOCK)]);
const TOOL = z.looseObject({
  name: z.string().regex(
    /^[a-zA-Z0-9_-]{1,128}$/,
    "String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
  ),
  type: z.string().nullish(),
  input_schema: z.looseObject({ type: z.string() }).optional(),
});
const CHOICE = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("auto"), disable_parallel_tool_use: z.boolean().optional() }),
  z.looseObject({ type: z.literal("any"), disable_parallel_tool_use: z.boolean().optional() }),
  z.looseObject({
    type: z.literal("tool"),
    name: z.string(),
    disable_parallel_tool_use: z.boolean().optional(),
  }),
  z.looseObject({ type: z.literal("none") }),
]);

/** Least tokens of thinking that may be asked for (API reference, `thinking.budget_tokens`). */
const LEAST_BUDGET = 1024;

const COUNTED = z.looseObject({
  model: z.string().min(1),
  messages: z.array(
    // A system's word in the middle of a conversation: Claude Code says what has changed so.
    z.looseObject({ role: z.enum(["user", "assistant", "system"]), content: CONTENT }),
  ).min(1, "at least one message is required").refine(
    ([first]) => first?.role !== "system",
    { path: [0, "role"], message: "the first message cannot be the system's: use `system`" },
  ),
  system: CONTENT.nullish(),
  tools: z.array(TOOL).nullish(),
  tool_choice: CHOICE.nullish(),
  thinking: z.looseObject({
    type: z.enum(["enabled", "disabled", "adaptive"]),
    budget_tokens: z.number().int().min(
      LEAST_BUDGET,
      `Input should be greater than or equal to ${LEAST_BUDGET}`,
    ).optional(),
  }).nullish(),
  output_config: z.looseObject({ effort: z.string().nullish() }).nullish(),
});

const MESSAGES = COUNTED.extend({
  max_tokens: z.number().int().min(1, "Input should be greater than or equal to 1"),
  stream: z.boolean().nullish(),
  stop_sequences: z.array(z.string()).nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.number().int().min(0).nullish(),
});

/** A request for a message. */
export type MessagesRequest = z.infer<typeof MESSAGES>;
/** Fields of a request that are counted: all but those about the form of the answer. */
export type CountedRequest = z.infer<typeof COUNTED>;

/** Every field that the API has; one that is none is refused, since the API does so. */
const KNOWN = new Set([
  ...Object.keys(MESSAGES.shape),
  ...[
    "metadata",
    "service_tier",
    "container",
    "context_management",
    "mcp_servers",
    "cache_control",
  ],
  ...["inference_geo", "output_format", "betas", "speed"],
]);

/**
 * Returns the body as a request for a message.
 *
 * @param beta whether the request names beta features, which bring fields of their own
 * @throws {RequestError} 400 naming the first wrong field, as Anthropic does
 */
export function parseMessages(body: unknown, beta: boolean): MessagesRequest {
  const request = parse(MESSAGES, body, beta);
  const { thinking, tool_choice: choice, max_tokens } = request;
  if (thinking?.type === "enabled") {
    if (thinking.budget_tokens === undefined) {
      refuse("thinking.enabled.budget_tokens: Field required");
    }
    if (thinking.budget_tokens >= max_tokens) {
      refuse("`max_tokens` must be greater than `thinking.budget_tokens`.");
    }
    if (choice?.type === "any" || choice?.type === "tool") {
      refuse("Thinking may not be enabled when tool_choice forces tool use.");
    }
  }
  checkChoice(request);
  checkResults(request.messages);
  return request;
}

/** Returns the body as a request whose tokens are to be counted. */
export function parseCounted(body: unknown, beta: boolean): CountedRequest {
  return parse(COUNTED, body, beta);
}

function parse<T>(schema: z.ZodType<T>, body: unknown, beta: boolean): T {
  const parsed = schema.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = issue?.path.join(".") ?? "";
    if (path === "") return refuse("Input should be a valid dictionary");
    const missing = issue?.code === "invalid_type" && issue.message.endsWith("received undefined");
    return refuse(`${path}: ${missing ? "Field required" : issue?.message}`);
  }
  const unknown = Object.keys(body as object).find((name) => !KNOWN.has(name));
  if (unknown !== undefined && !beta) refuse(`${unknown}: Extra inputs are not permitted`);
  return parsed.data;
}

function refuse(message: string): never {
  throw new RequestError(message);
}

function checkChoice({ tools, tool_choice: choice }: CountedRequest): void {
  if (!choice || choice.type === "none") return;
  if (!tools?.length) {
    refuse("tool_choice: tool_choice may only be specified while providing tools.");
  }
  if (choice.type === "tool" && !tools.some(({ name }) => name === choice.name)) {
    refuse(`tool_choice: Tool '${choice.name}' not found in provided tools`);
  }
}

/** Results follow their calls at once: the API refuses every other order. */
function checkResults(messages: CountedRequest["messages"]): void {
  let open: string[] = [];
  for (const [index, { role, content }] of messages.entries()) {
    if (role === "system") continue;
    const blocks = typeof content === "string" ? [] : content;
    const results = blocks.filter(({ type }) => type === "tool_result").map((block) =>
      String(block.tool_use_id)
    );
    const unexpected = results.find((id) => !open.includes(id));
    if (unexpected !== undefined) {
      refuse(
        `messages.${index}.content.0: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${unexpected}. ` +
          "Each `tool_result` block must have a corresponding `tool_use` block in the previous message.",
      );
    }
    const missing = open.filter((id) => !results.includes(id));
    if (missing.length > 0) {
      refuse(
        `messages.${
          index - 1
        }: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ` +
          `${
            missing.join(", ")
          }. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
      );
    }
    open = role === "assistant"
      ? blocks.filter(({ type }) => type === "tool_use").map(({ id }) => String(id))
      : [];
  }
}

/** Tokens of thinking without an effort. */
const THINKING_TOKENS = 10;

/** Reads a request into the neutral form. */
export function askOfMessages(request: CountedRequest & Partial<MessagesRequest>): Ask {
  const { thinking, output_config } = request;
  const thinks = thinking?.type === "enabled" || thinking?.type === "adaptive";
  const effort = reasoningTokens(output_config?.effort) || THINKING_TOKENS;
  const { system } = request;
  return {
    model: request.model,
    stream: request.stream === true,
    system: [
      ...(typeof system === "string" ? [system] : system?.map(textOfBlock) ?? []),
      ...request.messages.filter(({ role }) => role === "system").map(textOfBlock),
    ],
    turns: request.messages.flatMap(turnsOf),
    tools: (request.tools ?? []).flatMap(toolOf),
    choice: choiceOf(request.tool_choice),
    parallel: (request.tool_choice as { disable_parallel_tool_use?: boolean } | null | undefined)
      ?.disable_parallel_tool_use === false,
    limit: request.max_tokens ?? Infinity,
    stop: request.stop_sequences ?? [],
    reasoning: thinks ? effort : 0,
    ...schemaOf(request),
    count: 1,
  };
}

/** Structured outputs (API reference, `output_config.format`). */
function schemaOf(request: CountedRequest): { schema?: unknown } {
  const format = request.output_config?.format as { type?: string; schema?: unknown } | undefined;
  return format?.type === "json_schema" ? { schema: format.schema ?? {} } : {};
}

/** A user's turn that holds results is a tool's turn, then the user's words. */
function turnsOf({ role, content }: CountedRequest["messages"][number]): AskTurn[] {
  if (role === "system") return [];
  const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content;
  const results = blocks.filter(({ type }) => type === "tool_result");
  const rest = blocks.filter(({ type }) => type !== "tool_result");
  const turns: AskTurn[] = results.map((block) => ({
    role: "tool",
    text: textOfBlock(block),
    images: 0,
    calls: [],
    answers: String(block.tool_use_id),
  }));
  if (rest.length === 0) return turns;
  turns.push({
    role,
    text: rest.filter(({ type }) => type === "text").map(textOfBlock).join(""),
    images: rest.filter(({ type }) => type === "image").length,
    calls: rest.filter(({ type }) => type === "tool_use").map(({ name }) => String(name)),
  });
  return turns;
}

function textOfBlock(block: Record<string, unknown>): string {
  if (typeof block.text === "string") return block.text;
  if (typeof block.content === "string") return block.content;
  return Array.isArray(block.content) ? block.content.map(textOfBlock).join("") : "";
}

/** Tools of the client; those that Anthropic runs itself have a type and no schema, and are never called. */
function toolOf(tool: z.infer<typeof TOOL>): AskTool[] {
  if (tool.input_schema === undefined) return [];
  return [{ name: tool.name, parameters: tool.input_schema }];
}

function choiceOf(choice: CountedRequest["tool_choice"]): AskChoice {
  switch (choice?.type) {
    case "any":
      return { mode: "required" };
    case "tool":
      return { mode: "required", names: [choice.name] };
    case "none":
      return { mode: "none" };
    default:
      return { mode: "auto" };
  }
}

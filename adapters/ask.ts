/** A request of OpenAI's Chat as a call of a language model. */
import type {
  ChatMessage,
  ChatRequest,
  ChatToolName,
  ContentPart,
  ToolCall,
} from "../openai/mod.ts";
import { textOf } from "../openai/mod.ts";
import { AdapterError } from "./errors.ts";
import type { CallOptions, PromptMessage, PromptPart, ProviderOptions } from "./language_model.ts";

/** Fields that change an answer and that no other provider has: better refused than quietly left out. */
const REFUSED: readonly string[] = ["logprobs", "top_logprobs", "logit_bias", "audio", "functions"];

/**
 * Translates a request. Fields that only describe the caller (`user`, `metadata`, `store` …) are left out.
 *
 * @throws {AdapterError} 400 for what cannot be carried over, by the name of its field
 */
export function callOf(asked: ChatRequest): CallOptions {
  for (const field of REFUSED) {
    const value = asked[field];
    if (asksFor(value)) throw cannot(field);
  }
  if ((asked.n ?? 1) !== 1) throw cannot("n", "one answer at a time");
  const names = callNames(asked.messages);
  const prompt = joined(
    asked.messages.map((message, at) => messageOf(message, `messages[${at}]`, names)),
  );
  const limit = asked.max_completion_tokens ?? asked.max_tokens;
  const stop = typeof asked.stop === "string" ? [asked.stop] : asked.stop;
  const effort = effortOf(asked, prompt);
  return {
    prompt,
    ...present("maxOutputTokens", limit),
    ...present("temperature", numberOf(asked, "temperature")),
    ...present("topP", numberOf(asked, "top_p")),
    ...present("presencePenalty", numberOf(asked, "presence_penalty")),
    ...present("frequencyPenalty", numberOf(asked, "frequency_penalty")),
    ...present("seed", asked.seed),
    ...present("stopSequences", stop),
    ...present("reasoning", effort),
    ...formatOf(asked),
    ...toolsOf(asked),
  };
}

/** Clients write `false`, `null`, and empty objects, for what they do not want. */
function asksFor(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== false;
}

/** Thoughts of earlier rounds are not in OpenAI's history, without which Anthropic refuses to think on after a call. */
function effortOf({ reasoning_effort }: ChatRequest, prompt: readonly PromptMessage[]) {
  if (reasoning_effort === undefined || reasoning_effort === null) return undefined;
  return prompt.at(-1)?.role === "tool" ? undefined : reasoning_effort;
}

function formatOf({ response_format }: ChatRequest): Pick<CallOptions, "responseFormat"> {
  if (response_format === undefined || response_format === null) return {};
  const { type, json_schema } = response_format;
  if (type === "text") return {};
  if (type === "json_object") return { responseFormat: { type: "json" } };
  if (type !== "json_schema" || json_schema === undefined) throw cannot("response_format");
  const { name, schema } = json_schema;
  return { responseFormat: { type: "json", name, ...present("schema", schema) } };
}

function toolsOf(asked: ChatRequest): Partial<CallOptions> {
  const tools = (asked.tools ?? []).map((tool, at) => {
    if (tool.type !== "function") throw cannot(`tools[${at}].type`, "functions only");
    const { name, description, parameters, strict } = tool.function;
    return {
      type: "function" as const,
      name,
      inputSchema: parameters ?? { type: "object", properties: {} },
      ...present("description", description),
      ...present("strict", strict),
    };
  });
  if (tools.length === 0) return {};
  const { offered, choice } = choiceOf(asked);
  const alone = asked.parallel_tool_calls === false
    ? { providerOptions: { anthropic: { disableParallelToolUse: true } } }
    : {};
  return {
    tools: tools.filter(({ name }) => offered === undefined || offered.includes(name)),
    ...present("toolChoice", choice),
    ...alone,
  };
}

type Choice = NonNullable<CallOptions["toolChoice"]>;

const CHOICES: readonly string[] = ["auto", "none", "required"];

/** The choice, and the names that are left when the request allows only some of its tools. */
function choiceOf({ tool_choice }: ChatRequest): { choice?: Choice; offered?: readonly string[] } {
  if (tool_choice === undefined || tool_choice === null) return {};
  if (typeof tool_choice === "string") {
    if (!CHOICES.includes(tool_choice)) throw cannot("tool_choice");
    return { choice: { type: tool_choice as "auto" } };
  }
  const nameOf = (one: ChatToolName) => {
    if (one.function === undefined) throw cannot("tool_choice", "functions only");
    return one.function.name;
  };
  const allowed = tool_choice.allowed_tools;
  if (allowed === undefined) return { choice: { type: "tool", toolName: nameOf(tool_choice) } };
  return { choice: { type: allowed.mode }, offered: allowed.tools.map(nameOf) };
}

/** The name of the function that each call of the conversation called: a result has its id only. */
function callNames(messages: readonly ChatMessage[]): ReadonlyMap<string, string> {
  return new Map(
    messages.flatMap(({ tool_calls = [] }) =>
      tool_calls.flatMap((call) =>
        call.type === "function" ? [[call.id, call.function.name] as const] : []
      )
    ),
  );
}

function messageOf(
  message: ChatMessage,
  where: string,
  names: ReadonlyMap<string, string>,
): PromptMessage {
  const { role, content } = message;
  switch (role) {
    case "system":
    case "developer":
      return { role: "system", content: textOf(content) };
    case "user":
      return { role, content: partsOf(content, where) };
    case "assistant": {
      const calls = (message.tool_calls ?? []).map((call, at) => {
        if (call.type !== "function") throw cannot(`${where}.tool_calls[${at}].type`);
        return callPart(call, `${where}.tool_calls[${at}]`);
      });
      return { role, content: [...partsOf(content, where), ...calls] };
    }
    case "tool":
      return { role, content: [resultPart(message, where, names)] };
    default:
      throw cannot(`${where}.role`);
  }
}

function callPart(call: ToolCall, where: string): PromptPart {
  const { id, function: { name, arguments: text }, extra_content } = call;
  let input: unknown;
  try {
    input = text.trim() === "" ? {} : JSON.parse(text);
  } catch {
    throw new AdapterError(400, `Expected JSON in ${where}.function.arguments`, {
      code: "invalid_value",
      param: `${where}.function.arguments`,
    });
  }
  return {
    type: "tool-call",
    toolCallId: id,
    toolName: name,
    input,
    ...present("providerOptions", signatureIn(extra_content)),
  };
}

/** Gemini wants the signature of the thought before a call back (Gemini API, "Thought signatures", OpenAI format). */
function signatureIn(extra: unknown): ProviderOptions | undefined {
  const google = (extra as { google?: { thought_signature?: unknown } } | undefined)?.google;
  const signature = google?.thought_signature;
  return typeof signature === "string" ? { google: { thoughtSignature: signature } } : undefined;
}

function resultPart(
  { tool_call_id = "", content }: ChatMessage,
  where: string,
  names: ReadonlyMap<string, string>,
): PromptPart {
  const toolName = names.get(tool_call_id);
  if (toolName === undefined) {
    throw new AdapterError(400, `No call "${tool_call_id.slice(0, 80)}" stands before its result`, {
      code: "invalid_value",
      param: `${where}.tool_call_id`,
    });
  }
  const parts = partsOf(content, where);
  const onlyText = parts.every(({ type }) => type === "text");
  return {
    type: "tool-result",
    toolCallId: tool_call_id,
    toolName,
    output: onlyText ? { type: "text", value: textOf(content) } : { type: "content", value: parts },
  };
}

function partsOf(content: ChatMessage["content"], where: string): PromptPart[] {
  if (content === undefined || content === null || content === "") return [];
  if (typeof content === "string") return [{ type: "text", text: content }];
  return content.map((part, at) => partOf(part, `${where}.content[${at}]`));
}

function partOf(part: ContentPart, where: string): PromptPart {
  const { type } = part;
  if (type === "text" || type === "refusal") {
    return { type: "text", text: part.text ?? String(part.refusal ?? "") };
  }
  if (type === "image_url") {
    const { url } = (part.image_url ?? {}) as { url?: unknown };
    return filePart(url, { where: `${where}.image_url.url`, fallback: "image/*" });
  }
  if (type === "file") {
    const { file_data, filename } = (part.file ?? {}) as Record<string, unknown>;
    const file = filePart(file_data, { where: `${where}.file.file_data`, fallback: "" });
    return typeof filename === "string" ? { ...file, filename } as PromptPart : file;
  }
  throw cannot(`${where}.type`, "text, image_url and file");
}

/** A `data:` URL's bytes, or an address that the provider itself fetches: the adapter calls nobody's addresses. */
function filePart(
  url: unknown,
  { where, fallback }: { readonly where: string; readonly fallback: string },
): PromptPart {
  const inline = typeof url === "string" ? /^data:([^;,]+);base64,(.*)$/s.exec(url) : null;
  if (inline !== null) {
    const [, mediaType = "", data = ""] = inline;
    return { type: "file", mediaType, data: { type: "data", data } };
  }
  if (typeof url !== "string" || !/^https?:/.test(url) || !URL.canParse(url) || fallback === "") {
    throw cannot(where, "a data: URL in base64");
  }
  return { type: "file", mediaType: fallback, data: { type: "url", url: new URL(url) } };
}

/** Results that follow each other belong to one message: the calls were of one. */
function joined(messages: readonly PromptMessage[]): PromptMessage[] {
  const all: PromptMessage[] = [];
  for (const message of messages) {
    const last = all.at(-1);
    if (last?.role === "tool" && message.role === "tool") {
      all[all.length - 1] = { role: "tool", content: [...last.content, ...message.content] };
    } else all.push(message);
  }
  return all;
}

function numberOf(asked: ChatRequest, field: string): number | undefined {
  const value = asked[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number") throw cannot(field, "a number");
  return value;
}

function present<K extends string, V>(key: K, value: V | null | undefined): { [key in K]?: V } {
  return (value === undefined || value === null ? {} : { [key]: value }) as { [key in K]?: V };
}

function cannot(param: string, expected?: string): AdapterError {
  const more = expected === undefined ? "" : `: expected ${expected}`;
  return new AdapterError(400, `This provider cannot be asked with ${param} as it is${more}`, {
    code: "unsupported_value",
    param,
  });
}

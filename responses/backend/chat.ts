/** The model server's chat completions as this gateway uses them: one answer, as a stream of deltas. Pure. */
import type { ChatMessage, ChatTool, TokenLogprob } from "../../openai/mod.ts";
import { jsonText } from "../api/json_text.ts";

/** A request to the model server: `POST /chat/completions`, and whether it is to stream. */
export interface ChatCall {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ChatTool[];
  /** Whatever else goes into the body as it is: sampling, formats, limits. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly maxTokens?: number;
  /** The body's field for the longest answer; `max_tokens` is what most servers know. */
  readonly maxTokensField?: "max_tokens" | "max_completion_tokens";
  /** Headers of the client's request that go along. */
  readonly headers: Readonly<Record<string, string>>;
  /** False asks for the whole answer in one piece; it still comes as deltas. */
  readonly stream: boolean;
}

/** The fields in which servers send what a model thinks; the one that was used is given back. */
export const REASONING_FIELDS = ["reasoning_content", "reasoning"] as const;
export type ReasoningField = typeof REASONING_FIELDS[number];
/** Ollama's own name for it, which no server takes back from a client of chat completions. */
const OLLAMA_REASONING = "thinking";

/** A piece of an answer. */
export type ChatDelta =
  | { readonly kind: "text"; readonly text: string; readonly logprobs?: readonly TokenLogprob[] }
  | { readonly kind: "refusal"; readonly text: string }
  | { readonly kind: "reasoning"; readonly text: string; readonly field?: ReasoningField }
  | ToolCallDelta
  | { readonly kind: "finish"; readonly reason: string }
  | { readonly kind: "usage"; readonly usage: ChatUsage }
  | { readonly kind: "tier"; readonly tier: string };

/** A piece of a call; what a server leaves out is undefined. */
export interface ToolCallDelta {
  readonly kind: "tool_call";
  /** Which of the answer's calls, as the server counts them. */
  readonly index?: number;
  /** Where it stands among the calls of its chunk, and how many those are. */
  readonly place: { readonly at: number; readonly of: number };
  readonly id?: string;
  readonly name?: string;
  readonly arguments: string;
  /** Value that the server wants back with the call: Gemini's signature of the thought that led to it. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Tokens of one answer. */
export interface ChatUsage {
  readonly input: number;
  readonly output: number;
  readonly cached: number;
  readonly reasoning: number;
}

/**
 * An answer that has begun: the model server took the request and sent its first piece. Disposing it
 * closes the connection, unless it was read to its end.
 */
export interface ChatAnswer extends Disposable {
  /**
   * Deltas of the answer; those that came at once are in one list. Throws {@linkcode BackendError} when the answer breaks off;
   * its `return()` closes the connection.
   */
  readonly deltas: AsyncIterable<readonly ChatDelta[]>;
}

type Fields = Readonly<Record<string, unknown>>;

/** Returns what a chunk of a streamed answer, or a whole answer, says. Only the first choice counts. */
export function* deltasOf(body: unknown): Generator<ChatDelta> {
  const { choices, usage, service_tier, x_groq } = fieldsOf(body);
  const choice = fieldsOf(Array.isArray(choices) ? choices.find(isFirst) : undefined);
  const delta = fieldsOf(choice["delta"] ?? choice["message"] ?? { content: choice["text"] });
  if (typeof service_tier === "string") yield { kind: "tier", tier: service_tier };
  yield* reasoningIn(delta);
  const logprobs = fieldsOf(choice["logprobs"])["content"] as TokenLogprob[] | null | undefined;
  if (isThought(delta)) {
    const text = textOf(delta["content"]);
    if (text !== "") yield { kind: "reasoning", text };
  } else {
    yield* contentIn(delta["content"], logprobs ?? undefined);
  }
  if (delta["refusal"]) yield { kind: "refusal", text: textOf(delta["refusal"]) };
  yield* callsIn(delta);
  const finish = choice["finish_reason"];
  if (finish !== undefined && finish !== null && finish !== "") {
    yield { kind: "finish", reason: String(finish) };
  }
  // Moonshot counts in the choice, Groq in a field of its own.
  const counted = usage ?? choice["usage"] ?? fieldsOf(x_groq)["usage"];
  if (counted) yield { kind: "usage", usage: usageOf(fieldsOf(counted)) };
}

/** Some servers count by texts, or not at all. */
function isFirst(choice: unknown): boolean {
  return Number(fieldsOf(choice)["index"] ?? 0) === 0;
}

/** Gemini marks content that is a thought. */
function isThought(delta: Fields): boolean {
  return fieldsOf(fieldsOf(delta["extra_content"])["google"])["thought"] === true;
}

function* reasoningIn(delta: Fields): Generator<ChatDelta> {
  for (const field of REASONING_FIELDS) {
    const text = textOf(delta[field]);
    if (text === "") continue;
    // Servers that know both names send the same under each.
    yield { kind: "reasoning", text, field };
    return;
  }
  const thinking = textOf(delta[OLLAMA_REASONING]);
  if (thinking !== "") return yield { kind: "reasoning", text: thinking };
  // OpenRouter's list, for models that have nothing but it.
  const details = delta["reasoning_details"];
  if (!Array.isArray(details)) return;
  const text = details.map((one) => textOf(fieldsOf(one)["text"] ?? fieldsOf(one)["summary"]))
    .join("");
  if (text !== "") yield { kind: "reasoning", text };
}

/** Text, or a list of parts: Mistral's thinking models send theirs so. */
function* contentIn(
  content: unknown,
  logprobs: readonly TokenLogprob[] | undefined,
): Generator<ChatDelta> {
  if (!Array.isArray(content)) {
    const text = textOf(content);
    if (text !== "") yield { kind: "text", text, ...(logprobs ? { logprobs } : {}) };
    return;
  }
  for (const given of content) {
    const part = fieldsOf(given);
    const thought = part["thinking"] ?? part["reasoning"];
    if (thought !== undefined) {
      const text = textOf(thought);
      if (text !== "") yield { kind: "reasoning", text };
    } else if (part["type"] === "refusal") {
      yield { kind: "refusal", text: textOf(part["refusal"]) };
    } else {
      const text = typeof given === "string" ? given : textOf(part["text"]);
      if (text !== "") yield { kind: "text", text };
    }
  }
}

function* callsIn(delta: Fields): Generator<ChatDelta> {
  const listed = delta["tool_calls"];
  // The older form has one call, and no list.
  const old = delta["function_call"];
  const one = listed ? [listed] : old ? [{ function: old }] : [];
  const calls = Array.isArray(listed) ? listed : one;
  for (const [at, given] of calls.entries()) {
    const call = fieldsOf(given);
    // Some servers leave the function's own object out.
    const { name, arguments: args } = fieldsOf(call["function"] ?? call);
    const { id, extra_content: extra } = call;
    const index = call["index"] === null ? NaN : Number(call["index"]);
    yield {
      kind: "tool_call",
      place: { at, of: calls.length },
      ...(index >= 0 ? { index } : {}),
      ...(id === undefined || id === null || id === "" ? {} : { id: String(id) }),
      ...(typeof name === "string" && name !== "" ? { name } : {}),
      arguments: jsonText(args),
      ...(extra === undefined || extra === null ? {} : { extra: fieldsOf(extra) }),
    };
  }
}

/** The text of a field that may also hold parts. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return "";
  if (!Array.isArray(value)) {
    const { text } = fieldsOf(value);
    return typeof text === "string" ? text : jsonText(value);
  }
  return value.map((part) => textOf(part)).join("");
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Fields
    : {};
}

function usageOf(usage: Fields): ChatUsage {
  const input = fieldsOf(usage["prompt_tokens_details"] ?? usage["input_tokens_details"]);
  const output = fieldsOf(usage["completion_tokens_details"] ?? usage["output_tokens_details"]);
  return {
    input: countOf(usage["prompt_tokens"] ?? usage["input_tokens"]),
    output: countOf(usage["completion_tokens"] ?? usage["output_tokens"]),
    // DeepSeek and SGLang say these beside the totals.
    cached: countOf(input["cached_tokens"] ?? usage["prompt_cache_hit_tokens"]),
    reasoning: countOf(output["reasoning_tokens"] ?? usage["reasoning_tokens"]),
  };
}

function countOf(value: unknown): number {
  const count = Number(value ?? 0);
  return Number.isFinite(count) && count > 0 ? count : 0;
}

import {
  type ChatRequest,
  type FinishReason,
  textOf,
  type TokenLogprob,
  type ToolCall,
  type Usage,
} from "../../openai/mod.ts";
import type { Random } from "./random.ts";
import { schemaInstance } from "./schema_instance.ts";
import { answerTokens, countTokens, tokenize } from "./text.ts";

/** What one choice will say, before it is shaped as JSON or as events. */
export interface ChoicePlan {
  readonly reasoning: readonly string[];
  readonly content: readonly string[] | undefined;
  readonly toolCalls: readonly ToolCall[];
  readonly finish: FinishReason;
}

/** Tokens of reasoning that each effort brings; a plain request has none. */
const REASONING_TOKENS: Readonly<Record<string, number>> = { low: 6, medium: 10, high: 16 };

/** Plans one choice of an answer. */
export function planChoice(
  request: ChatRequest,
  options: { random: Random; tokens: number | undefined },
): ChoicePlan {
  const { random } = options;
  const reasoning = planReasoning(request, random);
  const calls = planToolCalls(request, random);
  if (calls.length > 0) {
    return { reasoning, content: undefined, toolCalls: calls, finish: "tool_calls" };
  }
  const limit = request.max_completion_tokens ?? request.max_tokens ?? Infinity;
  const all = request.response_format?.type === "json_schema" ||
      request.response_format?.type === "json_object"
    ? tokenize(structured(request))
    : [...answerTokens(question(request), {
      random,
      tokens: options.tokens === undefined ? undefined : Math.min(options.tokens, limit + 1),
    })];
  const cut = all.slice(0, limit);
  const stopped = stopAt(cut, request.stop);
  if (stopped) return { reasoning, content: stopped, toolCalls: [], finish: "stop" };
  return {
    reasoning,
    content: cut,
    toolCalls: [],
    finish: cut.length < all.length ? "length" : "stop",
  };
}

/** Counts the tokens of a whole answer. */
export function usageOf(request: ChatRequest, plans: readonly ChoicePlan[]): Usage {
  const prompt = request.messages.reduce((sum, m) => sum + 3 + countTokens(textOf(m.content)), 3);
  let completion = 0;
  let reasoning = 0;
  for (const plan of plans) {
    reasoning += plan.reasoning.length;
    completion += plan.reasoning.length + (plan.content?.length ?? 0);
    for (const call of plan.toolCalls) {
      completion += 1 + argumentFragments(call.function.arguments).length;
    }
  }
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

/** Bytes of arguments per streamed fragment: a few tokens, never a whole object at once. */
const FRAGMENT = 8;

/** Cuts a tool call's arguments into the fragments that a stream sends. */
export function argumentFragments(text: string): string[] {
  const characters = [...text];
  const fragments: string[] = [];
  for (let at = 0; at < characters.length; at += FRAGMENT) {
    fragments.push(characters.slice(at, at + FRAGMENT).join(""));
  }
  return fragments;
}

/** Makes up log probabilities for a token; the best alternatives come first. */
export function logprobOf(token: string, top: number, random: Random): TokenLogprob {
  const bytes = [...new TextEncoder().encode(token)];
  const logprob = -Math.round(random.next() * 1e4) / 1e5;
  const others = Array.from({ length: top }, (_, i) => {
    if (i === 0) return { token, logprob, bytes };
    const other = `${token}${i}`;
    return { token: other, logprob: logprob - i, bytes: [...new TextEncoder().encode(other)] };
  });
  return { token, logprob, bytes, top_logprobs: others };
}

function question(request: ChatRequest): string {
  const last = request.messages.findLast((m) => m.role === "user" || m.role === "tool");
  return textOf(last?.content);
}

function planReasoning(request: ChatRequest, random: Random): string[] {
  const count = REASONING_TOKENS[request.reasoning_effort ?? ""] ?? 0;
  return count === 0 ? [] : [...answerTokens(question(request), { random, tokens: count })];
}

/**
 * Which tools to call: a named or required one always, otherwise one when the user spoke last, so
 * that an agent's loop ends once the tool has answered.
 */
function planToolCalls(request: ChatRequest, random: Random): ToolCall[] {
  const tools = request.tools ?? [];
  const choice = request.tool_choice ?? "auto";
  if (tools.length === 0 || choice === "none") return [];
  const named = typeof choice === "object" ? choice.function?.name : undefined;
  const lastRole = request.messages.at(-1)?.role;
  if (choice === "auto" && lastRole === "tool") return [];
  const called = named !== undefined
    ? tools.filter((tool) => tool.function?.name === named)
    : request.parallel_tool_calls === true
    ? tools
    : tools.slice(0, 1);
  return called.map((tool) => ({
    id: `call_${random.hex(24)}`,
    type: "function",
    function: {
      name: tool.function?.name ?? "",
      arguments: JSON.stringify(schemaInstance(tool.function?.parameters ?? { type: "object" })),
    },
  }));
}

function structured(request: ChatRequest): string {
  const schema = request.response_format?.json_schema?.schema ?? { type: "object" };
  return JSON.stringify(schemaInstance(schema));
}

/** Cuts before the first stop sequence; `undefined` when there is none in the text. */
function stopAt(tokens: readonly string[], stop: ChatRequest["stop"]): string[] | undefined {
  if (stop === undefined || stop === null) return undefined;
  const text = tokens.join("");
  const ends = (typeof stop === "string" ? [stop] : stop)
    .map((sequence) => sequence === "" ? -1 : text.indexOf(sequence))
    .filter((at) => at >= 0);
  return ends.length === 0 ? undefined : tokenize(text.slice(0, Math.min(...ends)));
}

/** The model server's chat completions as this gateway uses them: one answer, as a stream of deltas. */
import type { ChatMessage, ChatTool, TokenLogprob } from "../../openai/mod.ts";

/** What is asked of the model server: `POST /chat/completions`, and whether it is to stream. */
export interface ChatCall {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ChatTool[];
  /** Whatever else goes into the body as it is: sampling, formats, limits. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly maxTokens?: number;
  /** Headers of the client's request that go along. */
  readonly headers: Readonly<Record<string, string>>;
  /** False asks for the whole answer in one piece; it still comes as deltas. */
  readonly stream: boolean;
}

/** A piece of an answer. */
export type ChatDelta =
  | { readonly kind: "text"; readonly text: string; readonly logprobs?: readonly TokenLogprob[] }
  | { readonly kind: "refusal"; readonly text: string }
  | { readonly kind: "reasoning"; readonly text: string }
  | {
    readonly kind: "tool_call";
    /** Which of the answer's calls. */
    readonly index: number;
    readonly id?: string;
    readonly name?: string;
    readonly arguments: string;
  }
  | { readonly kind: "finish"; readonly reason: string }
  | { readonly kind: "usage"; readonly usage: ChatUsage }
  | { readonly kind: "tier"; readonly tier: string };

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
   * What came at once is in one list. Throws {@linkcode BackendError} when the answer breaks off;
   * its `return()` closes the connection.
   */
  readonly deltas: AsyncIterable<readonly ChatDelta[]>;
}

interface Delta {
  content?: string | null;
  refusal?: string | null;
  reasoning_content?: string | null;
  reasoning?: string | null;
  tool_calls?: {
    index?: number;
    id?: string;
    function?: { name?: string; arguments?: string };
  }[] | null;
}

interface Choice {
  delta?: Delta;
  message?: Delta;
  finish_reason?: string | null;
  logprobs?: { content?: TokenLogprob[] | null } | null;
}

interface Usage {
  prompt_tokens?: number;
  completion_tokens?: number;
  prompt_tokens_details?: { cached_tokens?: number } | null;
  completion_tokens_details?: { reasoning_tokens?: number } | null;
}

/** Returns what a chunk of a streamed answer, or a whole answer, says. Only the first choice counts. */
export function* deltasOf(body: unknown): Generator<ChatDelta> {
  const { choices, usage, service_tier } = (body ?? {}) as {
    choices?: Choice[];
    usage?: Usage | null;
    service_tier?: string | null;
  };
  const choice = choices?.[0];
  const delta = choice?.delta ?? choice?.message;
  const reasoning = delta?.reasoning_content ?? delta?.reasoning;
  if (service_tier) yield { kind: "tier", tier: service_tier };
  if (reasoning) yield { kind: "reasoning", text: reasoning };
  if (delta?.content) {
    const logprobs = choice?.logprobs?.content;
    yield { kind: "text", text: delta.content, ...(logprobs ? { logprobs } : {}) };
  }
  if (delta?.refusal) yield { kind: "refusal", text: delta.refusal };
  for (const [position, call] of (delta?.tool_calls ?? []).entries()) {
    yield {
      kind: "tool_call",
      // Some servers leave the index out where there is one call in a chunk.
      index: call.index ?? position,
      ...(call.id ? { id: call.id } : {}),
      ...(call.function?.name ? { name: call.function.name } : {}),
      arguments: call.function?.arguments ?? "",
    };
  }
  if (choice?.finish_reason) yield { kind: "finish", reason: choice.finish_reason };
  if (usage) yield { kind: "usage", usage: usageOf(usage) };
}

function usageOf(usage: Usage): ChatUsage {
  return {
    input: usage.prompt_tokens ?? 0,
    output: usage.completion_tokens ?? 0,
    cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
    reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
  };
}

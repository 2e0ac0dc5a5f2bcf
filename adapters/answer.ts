/** A model's whole answer as a chat completion. */
import type { ChatCompletion, FinishReason, ToolCall, Usage } from "../openai/mod.ts";
import { AdapterError } from "./errors.ts";
import type { ModelAnswer, ModelCall, ModelFinish, ModelUsage } from "./language_model.ts";

/** Fields that every object of one answer repeats. */
export interface AnswerHead {
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  /** The name that the client asked for. */
  readonly model: string;
}

/**
 * Translates an answer.
 *
 * @throws {AdapterError} when the provider says that it failed
 */
export function completionOf(head: AnswerHead, answer: ModelAnswer): ChatCompletion {
  const textOf = (type: "text" | "reasoning") =>
    answer.content.flatMap((part) => part.type === type && "text" in part ? [part.text] : []).join(
      "",
    );
  const calls = answer.content.flatMap((part) =>
    part.type === "tool-call" && isClients(part) ? [toolCallOf(part)] : []
  );
  const [text, thoughts] = [textOf("text"), textOf("reasoning")];
  return {
    ...head,
    object: "chat.completion",
    system_fingerprint: "",
    choices: [{
      index: 0,
      message: {
        role: "assistant",
        content: text === "" && calls.length > 0 ? null : text,
        refusal: null,
        ...(thoughts === "" ? {} : { reasoning_content: thoughts }),
        ...(calls.length === 0 ? {} : { tool_calls: calls }),
      },
      logprobs: null,
      finish_reason: finishOf(answer.finishReason, calls.length),
    }],
    usage: usageOf(answer.usage),
  };
}

/** Whether a call is the client's to make, and not one that the provider has made itself. */
export function isClients(call: ModelCall): boolean {
  return call.providerExecuted !== true;
}

/** A call as Chat writes it, with the signature of the thought before it where Gemini wants that back. */
export function toolCallOf({ toolCallId, toolName, input, providerMetadata }: ModelCall): ToolCall {
  const signature = providerMetadata?.google?.thoughtSignature;
  return {
    id: toolCallId,
    type: "function",
    function: { name: toolName, arguments: input },
    ...(typeof signature === "string"
      ? { extra_content: { google: { thought_signature: signature } } }
      : {}),
  };
}

const FINISHES: Readonly<Partial<Record<ModelFinish["unified"], FinishReason>>> = {
  stop: "stop",
  length: "length",
  "content-filter": "content_filter",
  "tool-calls": "tool_calls",
  other: "stop",
};

/**
 * Returns the reason in Chat's words.
 *
 * @throws {AdapterError} for a reason that means failure, and for an answer that has none: it was cut
 */
export function finishOf({ unified, raw }: ModelFinish, calls: number): FinishReason {
  const reason = FINISHES[unified];
  if (reason === undefined || (unified === "other" && raw === undefined)) {
    throw new AdapterError(502, `The provider broke the answer off (${raw ?? unified})`, {
      code: "upstream_failed",
    });
  }
  // Gemini calls it "STOP" whether functions are called or not.
  return reason === "stop" && calls > 0 ? "tool_calls" : reason;
}

/** Token counts in Chat's names; those of a cache and of thoughts are parts of the whole, as Chat has it. */
export function usageOf({ inputTokens, outputTokens }: ModelUsage): Usage {
  const [input, output] = [inputTokens.total ?? 0, outputTokens.total ?? 0];
  const { cacheRead } = inputTokens;
  const { reasoning } = outputTokens;
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    ...(cacheRead === undefined ? {} : { prompt_tokens_details: { cached_tokens: cacheRead } }),
    ...(reasoning === undefined
      ? {}
      : { completion_tokens_details: { reasoning_tokens: reasoning } }),
  };
}

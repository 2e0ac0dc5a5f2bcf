/**
 * The parts of OpenAI's API reference that the mock, the gateway and the suite speak. Requests are
 * open (unknown fields pass); responses are what we write ourselves.
 */

/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** One part of a message's content. */
export interface ContentPart {
  readonly type: string;
  readonly text?: string;
  readonly [field: string]: unknown;
}

/** One call of a function in an assistant message. */
export interface ToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
  /** Value that a server wants back with the call: Gemini's signature of the thought before it. */
  readonly extra_content?: unknown;
}

/** One call of a custom tool, which takes free text. */
export interface CustomToolCall {
  readonly id: string;
  readonly type: "custom";
  readonly custom: { readonly name: string; readonly input: string };
}

/** One message of a chat request. */
export interface ChatMessage {
  readonly role: string;
  readonly content?: string | readonly ContentPart[] | null;
  readonly tool_call_id?: string;
  readonly tool_calls?: readonly (ToolCall | CustomToolCall)[];
  readonly [field: string]: unknown;
}

/** One custom tool that a request offers: free text, or what a grammar allows. */
export interface ChatCustomTool {
  readonly type: "custom";
  readonly custom: {
    readonly name: string;
    readonly description?: string;
    readonly format?: {
      readonly type: "text" | "grammar";
      readonly grammar?: { readonly syntax: "lark" | "regex"; readonly definition: string };
    } | null;
  };
}

/** Names one tool, as `tool_choice` does. */
export interface ChatToolName {
  readonly type: string;
  readonly function?: { readonly name: string };
  readonly custom?: { readonly name: string };
}

/** One function that a request offers. */
export interface ChatTool {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters?: Readonly<Record<string, unknown>>;
    readonly strict?: boolean | null;
  };
}

/** `POST /v1/chat/completions`. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly stream?: boolean | null;
  readonly stream_options?: {
    readonly include_usage?: boolean;
    readonly include_obfuscation?: boolean;
  } | null;
  readonly n?: number | null;
  readonly max_tokens?: number | null;
  readonly max_completion_tokens?: number | null;
  readonly stop?: string | readonly string[] | null;
  readonly seed?: number | null;
  readonly tools?: readonly (ChatTool | ChatCustomTool)[] | null;
  readonly tool_choice?:
    | string
    | ChatToolName & {
      readonly allowed_tools?: {
        readonly mode: "auto" | "required";
        readonly tools: readonly ChatToolName[];
      };
    }
    | null;
  readonly parallel_tool_calls?: boolean | null;
  readonly response_format?: {
    readonly type: string;
    readonly json_schema?: { readonly name: string; readonly schema?: unknown };
  } | null;
  readonly logprobs?: boolean | null;
  readonly top_logprobs?: number | null;
  readonly reasoning_effort?: string | null;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
  readonly [field: string]: unknown;
}

/** Token counts of an answer. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details?: { readonly cached_tokens: number };
  readonly completion_tokens_details?: { readonly reasoning_tokens: number };
}

/** Why a choice ended. */
export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter";

/** The log probability of one token. */
export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
  readonly top_logprobs: readonly {
    readonly token: string;
    readonly logprob: number;
    readonly bytes: readonly number[];
  }[];
}

/** One choice of a whole chat answer. */
export interface ChatChoice {
  readonly index: number;
  readonly message: {
    readonly role: "assistant";
    readonly content: string | null;
    readonly refusal: string | null;
    readonly reasoning_content?: string;
    readonly tool_calls?: readonly (ToolCall | CustomToolCall)[];
  };
  readonly logprobs: { readonly content: readonly TokenLogprob[]; readonly refusal: null } | null;
  readonly finish_reason: FinishReason;
}

/** The answer to a chat request that does not stream. */
export interface ChatCompletion {
  readonly id: string;
  readonly object: "chat.completion";
  readonly created: number;
  readonly model: string;
  readonly choices: readonly ChatChoice[];
  readonly usage: Usage;
  readonly system_fingerprint: string;
}

/** Addition of one event to a message. */
export interface ChatDelta {
  readonly role?: "assistant";
  readonly content?: string | null;
  readonly refusal?: string | null;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly {
    readonly index: number;
    readonly id?: string;
    readonly type?: "function" | "custom";
    readonly function?: { readonly name?: string; readonly arguments: string };
    readonly custom?: { readonly name?: string; readonly input: string };
  }[];
}

/** One event of a streamed chat answer. */
export interface ChatChunk {
  readonly id: string;
  readonly object: "chat.completion.chunk";
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
  readonly choices: readonly {
    readonly index: number;
    readonly delta: ChatDelta;
    readonly logprobs: ChatChoice["logprobs"];
    readonly finish_reason: FinishReason | null;
  }[];
  /** `null` on every chunk but the last when usage was asked for; absent when it was not. */
  readonly usage?: Usage | null;
  readonly obfuscation?: string;
}

/** One model of `GET /v1/models`. */
export interface Model {
  readonly id: string;
  readonly object: "model";
  readonly created: number;
  readonly owned_by: string;
}

/** Returns the text of a message's content: a string, or its text parts joined. */
export function textOf(content: ChatMessage["content"]): string {
  if (content === undefined || content === null) return "";
  if (typeof content === "string") return content;
  return content.map((part) => part.text ?? "").join("");
}

/** The part of the AI SDK's language model specification (v4) that an adapter speaks. */

/** Options for a provider, by its name in the SDK. */
export type ProviderOptions = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Text, a file, a thought, a call, or the result of one. */
export type PromptPart =
  | { readonly type: "text"; readonly text: string }
  | {
    readonly type: "file";
    readonly mediaType: string;
    readonly filename?: string;
    readonly data:
      | { readonly type: "data"; readonly data: string }
      | { readonly type: "url"; readonly url: URL };
  }
  | {
    readonly type: "tool-call";
    readonly toolCallId: string;
    readonly toolName: string;
    readonly input: unknown;
    readonly providerOptions?: ProviderOptions;
  }
  | {
    readonly type: "tool-result";
    readonly toolCallId: string;
    readonly toolName: string;
    readonly output:
      | { readonly type: "text"; readonly value: string }
      | { readonly type: "content"; readonly value: readonly PromptPart[] };
  };

/** One message of a prompt. */
export type PromptMessage =
  | { readonly role: "system"; readonly content: string }
  | { readonly role: "user" | "assistant" | "tool"; readonly content: readonly PromptPart[] };

/** Options of one call of a model. */
export interface CallOptions {
  readonly prompt: readonly PromptMessage[];
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly seed?: number;
  readonly stopSequences?: readonly string[];
  readonly responseFormat?: {
    readonly type: "json";
    readonly schema?: unknown;
    readonly name?: string;
  };
  readonly tools?: readonly {
    readonly type: "function";
    readonly name: string;
    readonly description?: string;
    readonly inputSchema: unknown;
    readonly strict?: boolean;
  }[];
  readonly toolChoice?:
    | { readonly type: "auto" | "none" | "required" }
    | { readonly type: "tool"; readonly toolName: string };
  readonly reasoning?: string;
  readonly providerOptions?: ProviderOptions;
  readonly headers?: Readonly<Record<string, string>>;
  readonly abortSignal?: AbortSignal;
}

/** Token counts, as far as the provider told them. */
export interface ModelUsage {
  readonly inputTokens: { readonly total?: number; readonly cacheRead?: number };
  readonly outputTokens: { readonly total?: number; readonly reasoning?: number };
}

/** Why an answer ended: the SDK's word, and the provider's own where it said one. */
export interface ModelFinish {
  readonly unified:
    | "stop"
    | "length"
    | "content-filter"
    | "tool-calls"
    | "error"
    | "interrupted"
    | "other";
  readonly raw?: string;
}

/** A call of a function; `input` is JSON text. */
export interface ModelCall {
  readonly type: "tool-call";
  readonly toolCallId: string;
  readonly toolName: string;
  readonly input: string;
  readonly providerExecuted?: boolean;
  readonly providerMetadata?: ProviderOptions;
}

/** A whole answer; parts of other types are sources, files and the like. */
export interface ModelAnswer {
  readonly content: readonly (
    | { readonly type: "text" | "reasoning"; readonly text: string }
    | ModelCall
    | { readonly type: "source" }
  )[];
  readonly finishReason: ModelFinish;
  readonly usage: ModelUsage;
}

/** A part of a streamed answer; those of other types say nothing that a client of Chat could hear. */
export type ModelPart =
  | { readonly type: "text-delta" | "reasoning-delta"; readonly id: string; readonly delta: string }
  | { readonly type: "tool-input-start"; readonly id: string; readonly toolName: string }
  | { readonly type: "tool-input-delta"; readonly id: string; readonly delta: string }
  | ModelCall
  | { readonly type: "finish"; readonly finishReason: ModelFinish; readonly usage: ModelUsage }
  | { readonly type: "error"; readonly error: unknown }
  | { readonly type: "stream-start" | "response-metadata" | "text-start" | "text-end" | "raw" };

/** A model of a provider. */
export interface LanguageModel {
  doGenerate(options: CallOptions): PromiseLike<ModelAnswer>;
  doStream(options: CallOptions): PromiseLike<{ readonly stream: ReadableStream<ModelPart> }>;
}

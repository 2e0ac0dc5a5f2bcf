/** The words in which model servers say that a request is longer than the model's context. */

/** One wording: who writes it, how it is known, and one message as it was written. */
export interface ContextLimit {
  readonly server: string;
  readonly pattern: RegExp;
  readonly example: string;
}

/** Sorted by server; a row is added by quoting what a server wrote. */
export const CONTEXT_LIMITS: readonly ContextLimit[] = [
  {
    server: "Anthropic",
    pattern: /prompt (?:is )?too long/i,
    example: "prompt is too long: 210000 tokens > 200000 maximum",
  },
  {
    server: "Anthropic, with the answer's length",
    pattern: /exceeds? (?:the )?context limit/i,
    example: "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
  },
  {
    server: "Bedrock",
    pattern: /input is too long/i,
    example: "Input is too long for requested model.",
  },
  {
    server: "Cohere",
    pattern: /too many tokens/i,
    example: "too many tokens: total number of tokens in the prompt cannot exceed 4081",
  },
  {
    server: "Fireworks and others, in few words",
    pattern: /(?:context|prompt) (?:length|window|size) (?:is |was |has been )?exceeded/i,
    example: "context length exceeded",
  },
  {
    server: "Gemini",
    pattern: /input token count.*exceeds/i,
    example:
      "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
  },
  {
    server: "GitHub Models",
    pattern: /prompt token count of .* exceeds the limit/i,
    example: "prompt token count of 9000 exceeds the limit of 4096",
  },
  {
    server: "Groq",
    pattern: /reduce the length of the (?:messages|prompt|input)/i,
    example: "Please reduce the length of the messages or completion.",
  },
  {
    server: "llama.cpp",
    pattern: /exceeds? the available context size|context size has been exceeded/i,
    example: "request (9000 tokens) exceeds the available context size (4096 tokens)",
  },
  {
    server: "LM Studio",
    pattern: /context length of only|reached context length|context (?:the )?overflows/i,
    example: "the model is loaded with context length of only 4096 tokens",
  },
  {
    server: "Mistral",
    pattern: /too large for model with .* context/i,
    example: "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
  },
  {
    server: "Ollama",
    pattern: /exceed(?:s|ed)? (?:the |max(?:imum)? )?context length/i,
    example: "prompt too long; exceeded max context length by 12 tokens",
  },
  {
    server: "OpenAI",
    pattern: /maximum context length|exceeds the context window/i,
    example: "Your input exceeds the context window of this model.",
  },
  {
    server: "SGLang",
    pattern: /longer than the model'?s context length/i,
    example: "The input (9000 tokens) is longer than the model's context length (4096 tokens).",
  },
  {
    server: "TensorRT-LLM",
    pattern: /prompt length.*exceeds? .*max_(?:seq|input)_len/i,
    example: "The sum of prompt length (5000) and max_tokens (10) exceeds max_seq_len (4096)",
  },
  {
    server: "TGI",
    pattern: /`?inputs`? (?:tokens \+ `?max_new_tokens`? must be <=|must have less than)/i,
    example: "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
  },
  {
    server: "vLLM",
    pattern:
      /(?:longer than|exceeds?) the maximum model length|model'?s (?:maximum )?context length is|maximum input length/i,
    example: "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
  },
  {
    server: "xAI",
    pattern: /maximum prompt length/i,
    example: "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
  },
];

/** Codes and types that say it without words. */
const CODES: ReadonlySet<string> = new Set([
  "context_length_exceeded",
  "exceed_context_size_error",
  "context_window_exceeded",
  "model_context_window_exceeded",
]);

/** Whether an error, of which these are the words, means that the request is too long. */
export function isTooLong(
  { message, code, type }: {
    readonly message: string;
    readonly code?: string | undefined;
    readonly type?: string | undefined;
  },
): boolean {
  return CODES.has(code ?? "") || CODES.has(type ?? "") ||
    CONTEXT_LIMITS.some(({ pattern }) => pattern.test(message));
}

/** The words in which model servers say why an answer ended, and what each means. */

/** Meanings of a finish reason: the answer is whole, it was cut for a reason, or it failed. */
export type Finish =
  | { readonly kind: "whole" }
  | { readonly kind: "cut"; readonly reason: "max_output_tokens" | "content_filter" }
  | { readonly kind: "failed" };

const WHOLE: Finish = { kind: "whole" };
const CUT_LENGTH: Finish = { kind: "cut", reason: "max_output_tokens" };
const CUT_FILTER: Finish = { kind: "cut", reason: "content_filter" };
const FAILED: Finish = { kind: "failed" };

/** In lower case. OpenAI's own come first; the others are what servers pass on of their engines' words. */
const WORDS: Readonly<Record<string, Finish>> = {
  stop: WHOLE,
  tool_calls: WHOLE,
  function_call: WHOLE,
  length: CUT_LENGTH,
  content_filter: CUT_FILTER,
  // TGI, Anthropic, Cohere, and proxies before them.
  end_turn: WHOLE,
  eos: WHOLE,
  eos_token: WHOLE,
  eos_found: WHOLE,
  stop_sequence: WHOLE,
  stop_token: WHOLE,
  tool_call: WHOLE,
  tool_use: WHOLE,
  complete: WHOLE,
  completed: WHOLE,
  max_tokens: CUT_LENGTH,
  max_output_tokens: CUT_LENGTH,
  // Mistral, Anthropic.
  model_length: CUT_LENGTH,
  model_context_window_exceeded: CUT_LENGTH,
  // Gemini, Zhipu, Anthropic.
  safety: CUT_FILTER,
  recitation: CUT_FILTER,
  blocklist: CUT_FILTER,
  prohibited_content: CUT_FILTER,
  spii: CUT_FILTER,
  sensitive: CUT_FILTER,
  refusal: CUT_FILTER,
};

/** Returns the meaning of a server's finish reason. An unknown one is no proof that the answer is whole. */
export function finishOf(word: string): Finish {
  // Google's older libraries write the name of the enumeration before its value.
  const known = word.toLowerCase().replace(/^finish_reason_/, "");
  return Object.hasOwn(WORDS, known) ? WORDS[known] ?? FAILED : FAILED;
}

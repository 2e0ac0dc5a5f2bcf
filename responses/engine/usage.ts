/** Token counts over all rounds of a response. */
import type { ChatUsage } from "../backend/chat.ts";

/** `usage` of a response (API reference). */
export interface ResponseUsage {
  readonly input_tokens: number;
  readonly input_tokens_details: { readonly cached_tokens: number };
  readonly output_tokens: number;
  readonly output_tokens_details: { readonly reasoning_tokens: number };
  readonly total_tokens: number;
}

/** Adds rounds up. What a model server does not count is not made up. */
export class UsageTotal {
  #input = 0;
  #output = 0;
  #cached = 0;
  #reasoning = 0;
  #isCounted = false;

  /** Adds a round, as far as the model server counted it. */
  add(usage: ChatUsage | undefined): void {
    if (usage === undefined) return;
    this.#isCounted = true;
    this.#input += usage.input;
    this.#output += usage.output;
    this.#cached += usage.cached;
    this.#reasoning += usage.reasoning;
  }

  /** Counts of the model server; null when it counted nothing. */
  get total(): ResponseUsage | null {
    if (!this.#isCounted) return null;
    return {
      input_tokens: this.#input,
      input_tokens_details: { cached_tokens: this.#cached },
      output_tokens: this.#output,
      output_tokens_details: { reasoning_tokens: this.#reasoning },
      total_tokens: this.#input + this.#output,
    };
  }
}

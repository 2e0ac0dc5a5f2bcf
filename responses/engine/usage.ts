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

/** Characters of a token in English text, on average: for servers that do not count. */
const CHARACTERS_PER_TOKEN = 4;

/** Adds rounds up. */
export class UsageTotal {
  #input = 0;
  #output = 0;
  #cached = 0;
  #reasoning = 0;
  #isCounted = false;

  /** Adds a round; without `usage`, an estimate by its characters. */
  add(
    usage: ChatUsage | undefined,
    characters: { input(): number; output(): number },
  ): void {
    if (usage !== undefined) this.#isCounted = true;
    this.#input += usage?.input || estimate(characters.input());
    this.#output += usage?.output || estimate(characters.output());
    this.#cached += usage?.cached ?? 0;
    this.#reasoning += usage?.reasoning ?? 0;
  }

  /** Returns the usage that the model server counted of a response that is not whole; null when it counted nothing. */
  get counted(): ResponseUsage | null {
    return this.#isCounted ? this.total : null;
  }

  get total(): ResponseUsage {
    return {
      input_tokens: this.#input,
      input_tokens_details: { cached_tokens: this.#cached },
      output_tokens: this.#output,
      output_tokens_details: { reasoning_tokens: this.#reasoning },
      total_tokens: this.#input + this.#output,
    };
  }
}

function estimate(characters: number): number {
  return Math.max(1, Math.ceil(characters / CHARACTERS_PER_TOKEN));
}

import type { Answer } from "./endpoints/answer.ts";

/** Answers kept; load tests send few different requests. */
const LIMIT = 256;
/** Longest body kept. 256 of them are 4 MiB. */
const BODY_LIMIT = 16 * 1024;

const encoder = new TextEncoder();

/**
 * Whole answers by request: the same request gets the same bytes, so they need not be made twice.
 * Streams are not kept.
 */
export class AnswerCache {
  readonly #answers = new Map<string, Answer>();

  /** Returns the answer of `key`, made by `make` when it is not there. */
  get(key: string, make: () => Answer): Answer {
    const found = this.#answers.get(key);
    if (found) return found;
    const made = make();
    if (made.kind !== "json") return made;
    const { status, headers = [], paced } = made;
    const bytes = encoder.encode(JSON.stringify(made.body));
    const contentType = "application/json";
    const answer: Answer = { kind: "bytes", status, headers, contentType, bytes, paced };
    if (bytes.length > BODY_LIMIT) return answer;
    this.#answers.set(key, answer);
    const oldest = this.#answers.keys().next().value;
    if (this.#answers.size > LIMIT && oldest !== undefined) this.#answers.delete(oldest);
    return answer;
  }
}

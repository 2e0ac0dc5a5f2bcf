/** Reads one answer, chunk by chunk, and tells an answer from a failure. Pure. */
import { DONE } from "../../openai/mod.ts";
import { type ChatDelta, deltasOf } from "./chat.ts";
import { type BackendError, brokenOff, noAnswer, refused } from "./errors.ts";
import { finishOf } from "./finish_reasons.ts";
import { errorIn, saidIn } from "./said.ts";

/** The server that answers, for errors. */
export interface AnswerSource {
  readonly endpoint: string;
  readonly model: string;
  readonly retryAfter?: string | undefined;
}

/** One answer. An error in its place, or a word for failure at its end, is thrown and never passed over. */
export class AnswerReader {
  readonly #source: AnswerSource;
  /** It said something, or why it ended. */
  #answered = false;
  #finished = false;
  #done = false;
  #failure: BackendError | undefined;

  constructor(source: AnswerSource) {
    this.#source = source;
  }

  /**
   * Reads one event of a stream, or the body of a whole answer; `event` is its name. What comes before a failure in
   * the same chunk is returned, and the failure is thrown by the next call, or by {@linkcode end}.
   *
   * @throws {BackendError} for an error, or for what is no answer
   */
  read(data: string, event?: string): ChatDelta[] {
    if (this.#failure !== undefined) throw this.#failure;
    // What comes after the end is not part of the answer.
    if (this.#done) return [];
    if (data.trim() === DONE) {
      this.#done = true;
      return [];
    }
    const body = this.#parsed(data, event);
    const said = errorIn(body, event);
    if (said !== undefined) throw this.#refusal(said);
    const deltas: ChatDelta[] = [];
    for (const delta of deltasOf(body)) {
      if (delta.kind === "finish") {
        this.#finished = true;
        if (finishOf(delta.reason).kind === "failed") {
          const why = `it ended its answer with finish_reason '${delta.reason}'`;
          this.#failure = noAnswer(this.#source.endpoint, why);
          break;
        }
      }
      if (delta.kind !== "usage" && delta.kind !== "tier") this.#answered = true;
      deltas.push(delta);
    }
    if (deltas.length === 0 && this.#failure !== undefined) throw this.#failure;
    return deltas;
  }

  /**
   * The answer has ended.
   *
   * @throws {BackendError} when it was not complete
   */
  end(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { endpoint } = this.#source;
    // Some servers leave the reason out, and say [DONE] all the same.
    if (!this.#finished && !this.#done) {
      throw brokenOff(endpoint, "the stream ended before the answer did");
    }
    if (!this.#answered) throw noAnswer(endpoint, "it sent an answer without a choice in it");
  }

  #refusal(said: ReturnType<typeof saidIn>): BackendError {
    const { endpoint, model, retryAfter } = this.#source;
    return refused({ endpoint, status: 200, said, model, retryAfter });
  }

  #parsed(data: string, event: string | undefined): unknown {
    try {
      return JSON.parse(data);
    } catch {
      if (event === "error") throw this.#refusal(saidIn(data));
      throw brokenOff(this.#source.endpoint, `an event is not JSON: ${data.slice(0, 100)}`);
    }
  }
}

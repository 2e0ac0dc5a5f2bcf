/** Keeps answers by request, so that a load test measures writing and not making them. */
import type { Answer } from "../answers/answer.ts";
import type { StreamEvent } from "./stream_event.ts";

/** Answers kept; load tests send few different requests. */
const LIMIT = 256;
/** Longest body kept, in characters. 256 of them are 4 MiB. */
const BODY_LIMIT = 16 * 1024;
/** Longest stream kept, in characters: a thousand tokens and more. */
const STREAM_LIMIT = 512 * 1024;
/** Characters of all streams kept. */
const STREAMS_LIMIT = 8 * 1024 * 1024;

interface Kept {
  readonly answer: Answer;
  /** Characters of its events. */
  readonly streamed: number;
}

/** Whole answers by request: the same request gets the same bytes, so they need not be made twice. */
export class AnswerCache {
  readonly #answers = new Map<string, Kept>();
  #streamed = 0;

  /** Returns the answer that is kept for a key. */
  get(key: string): Answer | undefined {
    return this.#answers.get(key)?.answer;
  }

  /**
   * Keeps an answer; returns what to write, which gives the same bytes. `streams` keeps streams too: for a pace that
   * waits for nothing between events, since a stream that is kept is made whole before its first event goes out.
   */
  keep(key: string, made: Answer, { streams = false } = {}): Answer {
    if (made.kind === "whole") return made;
    if (made.kind === "events") return streams ? this.#keepStream(key, made) : made;
    const { kind: _, body: value, headers = [], ...rest } = made;
    const body = JSON.stringify(value);
    const answer: Answer = {
      kind: "whole",
      ...rest,
      headers,
      contentType: "application/json",
      body,
    };
    if (body.length <= BODY_LIMIT) this.#keep(key, { answer, streamed: 0 });
    return answer;
  }

  #keepStream(key: string, made: Answer & { readonly kind: "events" }): Answer {
    const iterator = made.events[Symbol.iterator]();
    const begun: StreamEvent[] = [];
    let streamed = 0;
    for (let next = iterator.next(); !next.done; next = iterator.next()) {
      begun.push(next.value);
      streamed += next.value.text.length;
      // Too long to be kept: what was made goes out, the rest is made as it is written.
      if (streamed > STREAM_LIMIT) return { ...made, events: follow(begun, iterator) };
    }
    const answer: Answer = { ...made, events: begun };
    this.#keep(key, { answer, streamed });
    return answer;
  }

  #keep(key: string, kept: Kept): void {
    this.#answers.set(key, kept);
    this.#streamed += kept.streamed;
    for (const [oldest, { streamed }] of this.#answers) {
      if (this.#answers.size <= LIMIT && this.#streamed <= STREAMS_LIMIT) break;
      this.#answers.delete(oldest);
      this.#streamed -= streamed;
    }
  }
}

function* follow(
  begun: readonly StreamEvent[],
  rest: Iterator<StreamEvent>,
): Generator<StreamEvent> {
  yield* begun;
  for (let next = rest.next(); !next.done; next = rest.next()) yield next.value;
}

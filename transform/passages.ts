/** Passages of requests through the processor: when each came, when it went on, what the steps made of it. */
import type { HeaderList, Processor } from "../ext_proc/mod.ts";
import { now } from "../service/mod.ts";
import type { ExchangeReport } from "./processor.ts";

/** Passages that are kept, and pieces of an answer that are noted of each. */
const LIMIT = 2_000;
const MOST_MARKS = 1_000;

/** A request's passage. Times are `now()` of service/, milliseconds. */
export interface Passage {
  readonly name: "transform";
  readonly from: number;
  /** When the request went on, or was answered; absent while the steps have it. */
  readonly to: number | undefined;
  /** When pieces of the answer passed. */
  readonly marks: readonly number[];
  /** `changed`, `passed`, `answered: cache_hit` */
  readonly says: string;
}

type Running = { -readonly [Key in keyof Passage]: Passage[Key] } & { readonly marks: number[] };

/** The newest passages, by request id. */
export class Passages {
  readonly #kept = new Map<string, Running>();

  /** Returns the passage of a request; undefined when it is not known, or not any more. */
  of(requestId: string): Passage | undefined {
    return this.#kept.get(requestId);
  }

  /** Returns a processor whose request is noted; `make` is given what it reports to. */
  follow(make: (report: (exchange: ExchangeReport) => void) => Processor): Processor {
    let passage: Running | undefined;
    const processor = make(({ outcome, code }) => {
      if (passage !== undefined) passage.says = code ? `${outcome}: ${code}` : outcome;
    });
    return {
      answer: async (message, stream) => {
        if (message.phase === "request_headers") passage = this.#open(message);
        const answer = await processor.answer(message, stream);
        if (passage === undefined) return answer;
        if (message.phase === "response_body") {
          if (passage.marks.length < MOST_MARKS) passage.marks.push(now());
        } else if (message.phase.startsWith("request_")) passage.to = now();
        return answer;
      },
      end: (how, error) => processor.end(how, error),
    };
  }

  #open({ headers }: { readonly headers: HeaderList }): Running | undefined {
    const id = headers.find(([name]) => name === "x-request-id")?.[1];
    if (id === undefined) return undefined;
    const passage: Running = {
      name: "transform",
      from: now(),
      to: undefined,
      marks: [],
      says: "passed",
    };
    this.#kept.set(id, passage);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > LIMIT && oldest !== undefined) this.#kept.delete(oldest);
    return passage;
  }
}

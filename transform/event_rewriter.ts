/** Rewrites a stream of events; what no handler changes leaves byte for byte as it came. */
import { SseParser } from "../openai/mod.ts";
import { type AnswerHandler, objectOf, StepFailure, type StreamedEvent } from "./exchange.ts";

/** Longest event, bytes: a stream that never ends one is broken off. */
const MAX_EVENT = 8_388_608;

/** Puts the events of a stream through handlers, in their order. */
export class EventRewriter {
  readonly #parser = new SseParser();
  readonly #handlers: readonly AnswerHandler[];
  /** Bytes that have not left: pieces in their order. */
  #held: Uint8Array[] = [];
  #length = 0;
  /** Place in the stream of the first byte that is held. */
  #from = 0;

  constructor(handlers: readonly AnswerHandler[]) {
    this.#handlers = handlers;
  }

  /**
   * Reads the next bytes; returns the bytes that leave for them.
   *
   * @throws {StepFailure} for an event that is too long
   */
  async push(bytes: Uint8Array): Promise<Uint8Array> {
    this.#held.push(bytes);
    this.#length += bytes.length;
    const out = await this.#events(bytes);
    if (this.#length > MAX_EVENT) {
      throw new StepFailure("unreadable_answer", `An event has more than ${MAX_EVENT} bytes`);
    }
    return joined(out);
  }

  async #events(bytes: Uint8Array): Promise<Uint8Array[]> {
    const out: Uint8Array[] = [];
    for (const item of this.#parser.push(bytes)) {
      if (item.kind === "comment") {
        // One between events keeps a connection alive: it waits for no event.
        if (item.start - this.#from <= 1) out.push(this.#take(item.end));
        continue;
      }
      // What stands in front of an event, such as a comment, is nobody's to change.
      out.push(this.#take(item.start));
      const raw = this.#take(item.end);
      const event: StreamedEvent = {
        fields: oneData(item.fields, item.data),
        data: item.data,
        json: objectOf(item.data),
      };
      const events = await this.#through([event], 0);
      const isSame = events.length === 1 && events[0] === event;
      out.push(isSame ? raw : encoded(events));
    }
    return out;
  }

  /** Ends the stream; returns what is left. */
  async end(): Promise<Uint8Array> {
    // Servers leave out the blank line behind the last event: it is read all the same.
    const out = this.#length === 0 ? [] : await this.#events(BLANK_LINE);
    for (const [index, handler] of this.#handlers.entries()) {
      const added = await handler.end?.() ?? [];
      out.push(encoded(await this.#through(added, index + 1)));
    }
    return joined([...out, this.#take(this.#from + this.#length)]);
  }

  async #through(
    events: readonly StreamedEvent[],
    from: number,
  ): Promise<readonly StreamedEvent[]> {
    let now = events;
    for (const handler of this.#handlers.slice(from)) {
      if (handler.event === undefined) continue;
      const next: StreamedEvent[] = [];
      for (const event of now) next.push(...await handler.event(event) ?? [event]);
      now = next;
    }
    return now;
  }

  /** Removes and returns the held bytes before a place of the stream. */
  #take(end: number): Uint8Array {
    const size = Math.min(end - this.#from, this.#length);
    if (size <= 0) return NOTHING;
    const [first = NOTHING] = this.#held;
    const whole = size <= first.length ? first : joined(this.#held);
    const rest = whole.subarray(size);
    const others = size <= first.length ? this.#held.slice(1) : [];
    this.#held = rest.length > 0 ? [rest, ...others] : others;
    this.#length -= size;
    this.#from = end;
    return whole.subarray(0, size);
  }
}

const NOTHING = new Uint8Array(0);
const BLANK_LINE = new TextEncoder().encode("\n\n");

function oneData(fields: StreamedEvent["fields"], data: string): StreamedEvent["fields"] {
  if (fields.length === 1) return fields;
  let isFirst = true;
  return fields.flatMap((field) => {
    if (field[0] !== "data") return [field];
    const kept = isFirst ? [["data", data] as const] : [];
    isFirst = false;
    return kept;
  });
}

const encoder = new TextEncoder();

function encoded(events: readonly StreamedEvent[]): Uint8Array {
  if (events.length === 0) return NOTHING;
  return encoder.encode(events.map(linesOf).join(""));
}

function linesOf({ fields }: StreamedEvent): string {
  const lines = fields.flatMap(([name, value]) =>
    value.split("\n").map((line) => `${name}: ${line}\n`)
  );
  return `${lines.join("")}\n`;
}

/** Joins pieces; one piece is given back as it is. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const filled = parts.filter(({ length }) => length > 0);
  if (filled.length === 1 && filled[0] !== undefined) return filled[0];
  const whole = new Uint8Array(filled.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of filled) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

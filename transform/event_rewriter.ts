/** Rewrites a stream of events; what no handler changes leaves byte for byte as it came. */
import { SseParser } from "../openai/mod.ts";
import { type AnswerHandler, objectOf, type StreamedEvent } from "./exchange.ts";

/** Puts the events of a stream through handlers, in their order. */
export class EventRewriter {
  readonly #parser = new SseParser();
  readonly #handlers: readonly AnswerHandler[];
  #held: Uint8Array = new Uint8Array(0);
  /** Place in the stream of the first byte that is held. */
  #from = 0;

  constructor(handlers: readonly AnswerHandler[]) {
    this.#handlers = handlers;
  }

  /** Reads the next bytes; returns the bytes that leave for them. */
  async push(bytes: Uint8Array): Promise<Uint8Array> {
    this.#held = joined([this.#held, bytes]);
    const out: Uint8Array[] = [];
    for (const item of this.#parser.push(bytes)) {
      if (item.kind !== "event") continue;
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
    return joined(out);
  }

  /** Ends the stream; returns what is left. */
  async end(): Promise<Uint8Array> {
    const out: Uint8Array[] = [];
    for (const [index, handler] of this.#handlers.entries()) {
      const added = await handler.end?.() ?? [];
      out.push(encoded(await this.#through(added, index + 1)));
    }
    // Bytes that are no whole event: an upstream that broke off inside of one.
    return joined([...out, this.#take(this.#from + this.#held.length)]);
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
    const taken = this.#held.subarray(0, end - this.#from);
    this.#held = this.#held.slice(end - this.#from);
    this.#from = end;
    return taken;
  }
}

function oneData(fields: StreamedEvent["fields"], data: string): StreamedEvent["fields"] {
  let isFirst = true;
  return fields.flatMap((field) => {
    if (field[0] !== "data") return [field];
    const kept = isFirst ? [["data", data] as const] : [];
    isFirst = false;
    return kept;
  });
}

function encoded(events: readonly StreamedEvent[]): Uint8Array {
  const text = events.map(({ fields }) =>
    `${
      fields.flatMap(([name, value]) => value.split("\n").map((line) => `${name}: ${line}\n`))
        .join("")
    }\n`
  ).join("");
  return new TextEncoder().encode(text);
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

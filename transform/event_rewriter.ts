/** Rewrites a stream of events; what no handler changes leaves byte for byte as it came. */
import { SseParser } from "../openai/mod.ts";
import {
  type AnswerHandler,
  hidesFrom,
  objectOf,
  StepFailure,
  type StreamedEvent,
  withJson,
} from "./exchange.ts";

/** Longest event, bytes: a stream that never ends one is broken off. */
const MAX_EVENT = 8_388_608;

/** Puts the events of a stream through handlers, in their order. */
export class EventRewriter {
  readonly #parser = new SseParser();
  readonly #handlers: readonly AnswerHandler[];
  readonly #changesAsides: boolean;
  /** Whether the line that was read last ended with CR, and the LF behind it is to come. */
  #dropsLf = false;
  /** Bytes that have not left: pieces in their order. */
  #held: Uint8Array[] = [];
  #length = 0;
  /** Place in the stream of the first byte that is held. */
  #from = 0;

  constructor(handlers: readonly AnswerHandler[]) {
    this.#handlers = handlers;
    this.#changesAsides = handlers.some(({ aside }) => aside !== undefined);
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
    if (this.#dropsLf && this.#length > 0) {
      this.#dropsLf = false;
      if (this.#held[0]?.[0] === LF) this.#take(this.#from + 1);
    }
    for (const item of this.#parser.push(bytes)) {
      if (item.kind === "comment") {
        // One between events keeps a connection alive: it waits for no event.
        if (item.start - this.#from <= 1) out.push(this.#aside(this.#take(item.end)));
        continue;
      }
      // Lines in front of an event, such as a comment.
      out.push(this.#aside(this.#take(item.start)));
      const raw = this.#take(this.#lineEnd(item.end));
      const event: StreamedEvent = {
        fields: oneData(item.fields, item.data),
        data: item.data,
        json: objectOf(item.data),
      };
      const events = await this.#through([event], 0);
      const isSame = events.length === 1 && events[0] === event;
      const hides = isSame && event.json !== undefined &&
        await hidesFrom(this.#handlers, item.data, event.json, HEAD);
      if (isSame && !hides) {
        out.push(this.#aside(raw));
        continue;
      }
      out.push(this.#encoded(hides ? [withJson(event, event.json ?? {})] : events));
      this.#dropsLf = raw.at(-1) === CR && this.#length === 0;
    }
    return out;
  }

  /** Ends the stream; returns what is left. */
  async end(): Promise<Uint8Array> {
    // Servers leave out the blank line behind the last event: it is read all the same.
    const out = this.#length === 0 ? [] : await this.#events(BLANK_LINE);
    for (const [index, handler] of this.#handlers.entries()) {
      const added = await handler.end?.() ?? [];
      out.push(this.#encoded(await this.#through(added, index + 1)));
    }
    return joined([...out, this.#aside(this.#take(this.#from + this.#length))]);
  }

  /** Changes what stands beside the data of events: lines of comments, and of other fields. */
  #aside(raw: Uint8Array): Uint8Array {
    if (!this.#changesAsides || !hasAside(raw)) return raw;
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(raw);
    const next = text.replace(/[^\r\n]+/g, (line) => isData(line) ? line : this.#asideText(line));
    return next === text ? raw : encoder.encode(next);
  }

  #asideText(text: string): string {
    return this.#handlers.reduce((now, handler) => handler.aside?.(now) ?? now, text);
  }

  #encoded(events: readonly StreamedEvent[]): Uint8Array {
    if (events.length === 0) return NOTHING;
    const change = (text: string) => this.#asideText(text);
    return encoder.encode(events.map((event) => linesOf(event, change)).join(""));
  }

  /** The end of a line that ends with CR and LF, where the parser has read the CR alone. */
  #lineEnd(end: number): number {
    const at = end - this.#from;
    return this.#byteAt(at - 1) === CR && this.#byteAt(at) === LF ? end + 1 : end;
  }

  /** A byte of those that are held. */
  #byteAt(place: number): number | undefined {
    let at = place;
    for (const piece of this.#held) {
      if (at < piece.length) return piece[at];
      at -= piece.length;
    }
    return undefined;
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

const HEAD = { status: 200, contentType: "text/event-stream", isStream: true };
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

const CR = 13;
const LF = 10;
const DATA = encoder.encode("data:");

function isData(line: string): boolean {
  return line.startsWith("data:");
}

/** Whether bytes hold more than one line of data: most events do not. */
function hasAside(raw: Uint8Array): boolean {
  if (raw.length === 0 || DATA.some((byte, at) => raw[at] !== byte)) return raw.length > 2;
  const end = raw.findIndex((byte) => byte === CR || byte === LF);
  return end >= 0 && raw.length - end > 4;
}

function linesOf({ fields }: StreamedEvent, change: (text: string) => string): string {
  const lines = fields.flatMap(([name, value]) =>
    value.split("\n").map((line) =>
      name === "data" ? `data: ${line}\n` : change(`${name}: ${line}`) + "\n"
    )
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

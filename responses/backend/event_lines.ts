/** Reads the lines of a model server's stream: server-sent events, and what servers write in their place. Pure. */
import { DONE } from "../../openai/mod.ts";

/** One event: its name, where it has one, and its data. */
export interface LineEvent {
  readonly type: string | undefined;
  readonly data: string;
}

const BOM = "\ufeff";
/** A field of an event stream; the value's first space is no part of it (WHATWG HTML, 9.2.6). */
const FIELD = /^([a-z]+): ?(.*)$/;

/**
 * Reads everything that the standard has (comments, CR, LF and CRLF, one byte order mark), and the manners of servers: events
 * without a blank line between them, a last line without an end, llama.cpp's `error:` lines, JSON without `data:`.
 */
export class EventLines {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #rest = "";
  #begun = false;
  #afterCr = false;
  #type: string | undefined;
  #data: string | undefined;

  /** Reads the next bytes and returns the events that they complete. */
  push(bytes: Uint8Array): LineEvent[] {
    return this.#read(this.#decoder.decode(bytes, { stream: true }), false);
  }

  /** The stream has ended: returns what its last lines hold, ended or not. */
  end(): LineEvent[] {
    const events = this.#read(this.#decoder.decode(), true);
    this.#dispatch(events);
    return events;
  }

  #read(text: string, isLast: boolean): LineEvent[] {
    let given = this.#rest + text;
    if (!this.#begun && given !== "") {
      this.#begun = true;
      if (given.startsWith(BOM)) given = given.slice(1);
    }
    // A CR ends its line at once: the LF of a CRLF may be long in coming.
    if (this.#afterCr && given !== "") {
      this.#afterCr = false;
      if (given.startsWith("\n")) given = given.slice(1);
    }
    if (given.includes("\r")) {
      this.#afterCr = given.endsWith("\r");
      given = given.replace(/\r\n?/g, "\n");
    }
    const events: LineEvent[] = [];
    let from = 0;
    for (let end = given.indexOf("\n"); end >= 0; end = given.indexOf("\n", from)) {
      this.#line(given.slice(from, end), events);
      from = end + 1;
    }
    this.#rest = given.slice(from);
    if (isLast && this.#rest !== "") {
      this.#line(this.#rest, events);
      this.#rest = "";
    }
    return events;
  }

  #line(line: string, events: LineEvent[]): void {
    if (line === "") return this.#dispatch(events);
    // The usual line first: it is most of what comes.
    if (line.startsWith("data:")) {
      return this.#add(line.slice(line.charCodeAt(5) === 32 ? 6 : 5), events);
    }
    if (line.startsWith(":")) return;
    if (line.startsWith("{") || line.startsWith("[")) return this.#add(line, events);
    const [, name, value = ""] = FIELD.exec(line) ?? [];
    if (name === "event") {
      // A new event without a blank line before it.
      if (this.#data !== undefined && isWhole(this.#data)) this.#dispatch(events);
      this.#type = value;
    } else if (name === "error") {
      this.#dispatch(events);
      events.push({ type: "error", data: value });
    } else if (name === undefined && this.#data !== undefined) {
      this.#data += `\n${line}`;
    }
  }

  #add(value: string, events: LineEvent[]): void {
    const before = this.#data;
    if (before === undefined) {
      this.#data = value;
    } else if (isWhole(before)) {
      this.#dispatch(events);
      this.#data = value;
    } else {
      this.#data = `${before}\n${value}`;
    }
  }

  #dispatch(events: LineEvent[]): void {
    if (this.#data !== undefined && this.#data.trim() !== "") {
      events.push({ type: this.#type, data: this.#data });
    }
    this.#type = undefined;
    this.#data = undefined;
  }
}

/** Whether data is all of an event, so that what follows is another one. */
function isWhole(data: string): boolean {
  if (data.trim() === DONE) return true;
  try {
    JSON.parse(data);
    return true;
  } catch {
    return false;
  }
}

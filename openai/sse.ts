/** One dispatched event of an event stream, with where its bytes lay. */
export interface SseEvent {
  readonly kind: "event";
  /** The event type: the `event` field, or "message". */
  readonly type: string;
  /** The `data` lines, joined with LF. */
  readonly data: string;
  /** The last event id of the stream when this event was dispatched. */
  readonly id: string;
  /** The `retry` field of this block in milliseconds, when it had a valid one. */
  readonly retry?: number;
  /** Every field line of the block in order, unknown ones included. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** Byte offset in the stream where the block began. */
  readonly start: number;
  /** Byte offset after the CR or LF that dispatched it (the LF of a final CRLF is not counted). */
  readonly end: number;
  /** The bytes from `start` to `end`, as they came. */
  readonly raw: Uint8Array;
}

/** One comment line (`: …`), reported as soon as its line ends. */
export interface SseComment {
  readonly kind: "comment";
  /** The text after the colon, nothing removed. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Items that the parser found, in stream order. */
export type SseItem = SseEvent | SseComment;

const CR = 13;
const LF = 10;
const COLON = 58;
const BOM = [0xef, 0xbb, 0xbf];
/** First size of the block buffer; it doubles as needed. */
const INITIAL_BUFFER = 4096;

/**
 * An incremental event stream parser after WHATWG HTML sections 9.2.5 and 9.2.6, over byte chunks
 * cut anywhere: the result does not depend on the cuts.
 *
 * UTF-8 whatever the charset says; one BOM at byte 0 is ignored; lines end with CRLF, LF or CR. A
 * CR ends its line at once, and an LF right after it is swallowed even when it comes in a later
 * chunk, so no event waits for a byte that may be long in coming.
 */
export class SseParser {
  #buffer = new Uint8Array(INITIAL_BUFFER);
  #length = 0;
  /** Stream offset of the buffer's first byte. */
  #base = 0;
  #lineStart = 0;
  #scan = 0;
  #swallowLf = false;
  #bomChecked = false;
  #blockStart: number | undefined;
  #data: string[] = [];
  #type = "";
  #blockRetry: number | undefined;
  #fields: [string, string][] = [];
  #lastEventId = "";
  #retry: number | undefined;
  // Lines are cut at ASCII bytes, so each can be decoded alone; the BOM is ours to strip.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** The last event id, as a reconnecting client would send it. */
  get lastEventId(): string {
    return this.#lastEventId;
  }

  /** The last valid `retry` value in milliseconds. */
  get retry(): number | undefined {
    return this.#retry;
  }

  /** Bytes taken so far. */
  get offset(): number {
    return this.#base + this.#length;
  }

  /** Reads the next bytes and returns the items that they complete, in order. */
  push(bytes: Uint8Array): SseItem[] {
    this.#append(bytes);
    if (!this.#bomChecked && !this.#skipBom()) return [];
    const items: SseItem[] = [];
    const buffer = this.#buffer;
    const length = this.#length;
    for (let i = this.#scan; i < length; i++) {
      const byte = buffer[i];
      if (this.#swallowLf) {
        this.#swallowLf = false;
        if (byte === LF) {
          this.#lineStart = i + 1;
          continue;
        }
      }
      if (byte !== LF && byte !== CR) continue;
      const item = this.#line(this.#lineStart, i);
      if (item) items.push(item);
      this.#lineStart = i + 1;
      this.#swallowLf = byte === CR;
    }
    this.#scan = length;
    this.#compact();
    return items;
  }

  /**
   * Ends the stream. An unterminated block is dropped (section 9.2.6), and its bytes are returned
   * as evidence; `undefined` when the stream ended at a block boundary.
   */
  finish(): { start: number; raw: Uint8Array } | undefined {
    const first = this.#blockStart ?? this.#base + this.#lineStart;
    if (first >= this.offset) return undefined;
    return { start: first, raw: this.#buffer.slice(first - this.#base, this.#length) };
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = needed;
  }

  /** Returns false while it is still open whether the stream starts with a BOM. */
  #skipBom(): boolean {
    for (const [i, expected] of BOM.entries()) {
      if (i >= this.#length) return false;
      if (this.#buffer[i] !== expected) {
        this.#bomChecked = true;
        return true;
      }
    }
    this.#bomChecked = true;
    this.#lineStart = this.#scan = BOM.length;
    return true;
  }

  #line(from: number, to: number): SseItem | undefined {
    const start = this.#base + from;
    if (from === to) return this.#dispatch(this.#base + to + 1);
    this.#blockStart ??= start;
    const line = this.#buffer.subarray(from, to);
    const colon = line.indexOf(COLON);
    if (colon === 0) {
      const text = this.#decoder.decode(line.subarray(1));
      // A block of comments alone has no event: its bytes belong to the comment.
      if (this.#fields.length === 0) this.#blockStart = undefined;
      return { kind: "comment", text, start, end: this.#base + to + 1 };
    }
    const name = this.#decoder.decode(colon < 0 ? line : line.subarray(0, colon));
    const valueFrom = colon < 0 ? line.length : colon + (line[colon + 1] === 32 ? 2 : 1);
    this.#field(name, this.#decoder.decode(line.subarray(valueFrom)));
    return undefined;
  }

  #field(name: string, value: string): void {
    this.#fields.push([name, value]);
    switch (name) {
      case "event":
        this.#type = value;
        break;
      case "data":
        this.#data.push(value);
        break;
      case "id":
        if (!value.includes("\0")) this.#lastEventId = value;
        break;
      case "retry":
        if (/^[0-9]+$/.test(value)) this.#retry = this.#blockRetry = Number(value);
        break;
    }
  }

  #dispatch(end: number): SseEvent | undefined {
    const start = this.#blockStart ?? end;
    const data = this.#data;
    // "If the data buffer is an empty string": `data` alone on a line leaves "\n" in the buffer,
    // so one empty data line does dispatch an event, and no data line does not.
    const event = data.length === 0 ? undefined : {
      kind: "event" as const,
      type: this.#type || "message",
      data: data.join("\n"),
      id: this.#lastEventId,
      ...(this.#blockRetry === undefined ? {} : { retry: this.#blockRetry }),
      fields: this.#fields,
      start,
      end,
      raw: this.#buffer.slice(start - this.#base, end - this.#base),
    };
    this.#blockStart = undefined;
    this.#blockRetry = undefined;
    this.#data = [];
    this.#type = "";
    this.#fields = [];
    return event;
  }

  /** Drops the bytes of blocks already reported, so that memory holds one block only. */
  #compact(): void {
    const keepFrom = this.#blockStart === undefined
      ? this.#lineStart
      : this.#blockStart - this.#base;
    if (keepFrom === 0) return;
    this.#buffer.copyWithin(0, keepFrom, this.#length);
    this.#length -= keepFrom;
    this.#scan -= keepFrom;
    this.#lineStart -= keepFrom;
    this.#base += keepFrom;
  }
}

/** Returns everything in one whole stream; `tail` is the unterminated block at its end, if any. */
export function parseSse(
  stream: Uint8Array | string,
): { items: SseItem[]; events: SseEvent[]; tail?: Uint8Array } {
  const parser = new SseParser();
  const items = parser.push(
    typeof stream === "string" ? new TextEncoder().encode(stream) : stream,
  );
  const tail = parser.finish();
  return {
    items,
    events: items.filter((item) => item.kind === "event"),
    ...(tail ? { tail: tail.raw } : {}),
  };
}

/** Fields of one event to write. */
export interface SseEventInit {
  /** A string goes out as it is, one `data:` line per line; an object as JSON. */
  readonly data: string | object;
  readonly event?: string;
  readonly id?: string;
  /** Milliseconds. */
  readonly retry?: number;
}

/**
 * Returns one event as OpenAI-compatible servers write it: `data: ` with one space, ended by a
 * blank line. `eol` chooses the line end.
 *
 * @throws {TypeError} when `event` or `id` holds a line end, which would forge another field
 */
export function formatSseEvent(init: SseEventInit, eol: "\n" | "\r\n" | "\r" = "\n"): string {
  const data = typeof init.data === "string" ? init.data : JSON.stringify(init.data);
  let text = "";
  for (const name of ["event", "id", "retry"] as const) {
    const value = init[name];
    if (value === undefined) continue;
    if (/[\r\n]/.test(String(value))) {
      throw new TypeError(`Cannot write the event: "${name}" must not hold a line end`);
    }
    text += `${name}: ${value}${eol}`;
  }
  if (!/[\r\n]/.test(data)) return `${text}data: ${data}${eol}${eol}`;
  for (const line of data.split(/\r\n|\r|\n/)) text += `data: ${line}${eol}`;
  return text + eol;
}

/** Returns a comment, one `: ` line per line of `text`, ended by a blank line as keep-alives are. */
export function formatSseComment(text: string, eol: "\n" | "\r\n" | "\r" = "\n"): string {
  return text.split(/\r\n|\r|\n/).map((line) => `: ${line}${eol}`).join("") + eol;
}

/** The payload of the event that ends an OpenAI stream: six bytes, not JSON. */
export const DONE = "[DONE]";

/** The last event of an OpenAI stream, as it goes over the wire. */
export const DONE_EVENT = `data: ${DONE}\n\n`;

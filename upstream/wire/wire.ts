/** The interface of an exchange, whichever HTTP version. */
import { Buffer } from "node:buffer";
import { createHash, type Hash } from "node:crypto";
import type { Socket } from "node:net";
import { GrowingBytes, type Journal, now, resetSocket } from "../../service/mod.ts";
import type { StreamEvent } from "../load/stream_event.ts";
import type { AbortKind, ExchangeEnd, UpstreamExchange } from "../types.ts";

/** A header list as it goes out: order, case and duplicates are kept on HTTP/1.1. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

const EMPTY = new Uint8Array(0);
const EMPTY_SHA256 = createHash("sha256").digest("hex");

/** Longest body whose text is kept, in bytes; longer ones are known by their hash alone. */
const TEXT_LIMIT = 16_384;

/** A whole body, and how long it is in bytes. */
export interface WholeBody {
  readonly body: Uint8Array | string;
  readonly bytes: number;
}

/** The answer cannot go on: the peer left, or the exchange was aborted. */
export class GoneError extends Error {
  override readonly name = "GoneError";
}

/** A request body as it arrives: counted, hashed, and kept up to a limit. */
export class RequestBody {
  #gathered: GrowingBytes | undefined;
  #whole: Uint8Array | undefined = EMPTY;
  #hash: Hash | undefined;
  #done = false;
  #waiters: (() => void)[] = [];
  readonly #exchange: UpstreamExchange;
  readonly #limit: number;
  readonly #noteAll: boolean;

  /** @param options `bodyLimit`: bytes kept; a longer body is hashed and counted, but not kept */
  constructor(exchange: UpstreamExchange, options: Pick<WireHost, "bodyLimit" | "bodyTexts">) {
    this.#exchange = exchange;
    this.#limit = options.bodyLimit;
    this.#noteAll = options.bodyTexts;
  }

  /** Whether no more bytes will come: the body is whole, or the peer left. */
  get done(): boolean {
    return this.#done;
  }

  /** Bytes that are kept. */
  get kept(): number {
    return this.#gathered?.length ?? 0;
  }

  /** Resolves when the body is whole or the peer left; `undefined` when that is so already. */
  wait(): Promise<void> | undefined {
    if (this.#done) return undefined;
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** The whole body; `undefined` when it was longer than the limit or was cut off. */
  bytes(): Uint8Array | undefined {
    if (this.#whole === undefined || this.#exchange.bodyEnd === undefined) return undefined;
    if (this.#gathered !== undefined) this.#whole = this.#gathered.take();
    this.#gathered = undefined;
    return this.#whole;
  }

  push(piece: Uint8Array): void {
    const exchange = this.#exchange;
    exchange.firstBodyByteAt ??= now();
    exchange.bodyBytes += piece.length;
    (this.#hash ??= createHash("sha256")).update(piece);
    if (exchange.bodyBytes > this.#limit) this.release();
    if (this.#whole !== undefined) (this.#gathered ??= new GrowingBytes()).push(piece);
  }

  /** The last byte has come. */
  finish(): void {
    // An early answer may be over before the upload is.
    if (this.#exchange.bodyEnd !== undefined) return;
    this.#exchange.bodySha256 = this.#hash?.digest("hex") ?? EMPTY_SHA256;
    this.#exchange.bodyEnd = now();
    this.#note();
    this.stop();
  }

  /** Keeps what a request said, for a test to read: a case's own, or everybody's. */
  #note(): void {
    const { nonce, bodyBytes } = this.#exchange;
    if (nonce === undefined && !this.#noteAll || bodyBytes > TEXT_LIMIT) return;
    const bytes = this.bytes();
    if (bytes !== undefined) this.#exchange.bodyText = new TextDecoder().decode(bytes);
  }

  /** Wakes whoever waits; without `finish()` before, the body stays incomplete. */
  stop(): void {
    this.#done = true;
    for (const wake of this.#waiters.splice(0)) wake();
  }

  /** Lets go of the bytes, once the answer has been made. */
  release(): void {
    this.#gathered = undefined;
    this.#whole = undefined;
  }
}

/**
 * One exchange as the endpoints and scripts see it: the request, and the answer in exact writes.
 * A subclass each for HTTP/1.1 (raw TCP) and HTTP/2 implements the wire; this class keeps the journal.
 *
 * Every write is one write to the connection. A method returns a promise only when the peer is
 * slow to take the bytes, so that a fast stream costs no microtask per event.
 */
export abstract class Wire {
  readonly exchange: UpstreamExchange;
  readonly body: RequestBody;
  readonly #journal: Journal<UpstreamExchange>;
  readonly #ended: (exchange: UpstreamExchange) => void;
  readonly #eventTimes: number;
  #controller: AbortController | undefined;
  #headSent = false;
  #answered = false;

  constructor(
    exchange: UpstreamExchange,
    options: Pick<WireHost, "journal" | "bodyLimit" | "bodyTexts" | "eventTimes" | "ended">,
  ) {
    this.#eventTimes = options.eventTimes;
    this.exchange = exchange;
    this.body = new RequestBody(exchange, options);
    this.#journal = options.journal;
    this.#ended = (ended) => options.ended(ended);
  }

  /** The target without its query. */
  get path(): string {
    const target = this.exchange.target;
    const query = target.indexOf("?");
    return query < 0 ? target : target.slice(0, query);
  }

  /** Returns the first value of a request header, whatever its case. */
  header(name: string): string | undefined {
    for (const [key, value] of this.exchange.headers) {
      if (key.length === name.length && key.toLowerCase() === name) return value;
    }
    return undefined;
  }

  /** Whether the exchange is over: completed, aborted, or left by the peer. */
  get gone(): boolean {
    return this.exchange.end !== undefined;
  }

  /** Whether the answer was ended by us; its last bytes may still be under way. */
  get answered(): boolean {
    return this.#answered;
  }

  get headSent(): boolean {
    return this.#headSent;
  }

  /** Aborts when the peer leaves or the exchange is aborted. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    const end = this.exchange.end;
    if (end !== undefined && end !== "completed") this.#controller.abort(new GoneError(end));
    return this.#controller.signal;
  }

  /** Records which script answers. */
  choose(script: string): void {
    this.exchange.script = script;
    this.#journal.notify();
  }

  /** Sends status and headers. `trailers` announces that trailers may follow. */
  head(
    status: number,
    headers: HeaderList,
    options: { trailers?: boolean } = {},
  ): Promise<void> | undefined {
    this.#startAnswer(status);
    return this.gone ? undefined : this.sendHead(status, headers, options.trailers ?? false);
  }

  /** Sends a whole answer in one write; text as UTF-8. */
  whole(status: number, headers: HeaderList, body: Uint8Array | string): void {
    this.#startAnswer(status);
    this.#answered = true;
    if (this.gone) return;
    const bytes = Buffer.byteLength(body);
    this.exchange.bytesWritten += bytes;
    this.sendWhole(status, headers, { body, bytes });
  }

  /** Sends body bytes in one write; `events` of them end in these bytes. */
  write(bytes: Uint8Array, events = 0): Promise<void> | undefined {
    const exchange = this.exchange;
    if (exchange.end !== undefined) return undefined;
    exchange.bytesWritten += bytes.length;
    if (events > 0) this.#countEvents(events);
    return this.#sent(this.sendBody(bytes));
  }

  /** Sends one event in one write; the fast way for text. */
  writeEvent(event: StreamEvent): Promise<void> | undefined {
    const exchange = this.exchange;
    if (exchange.end !== undefined) return undefined;
    exchange.bytesWritten += event.bytes;
    exchange.events++;
    if (exchange.eventTimes.length < this.#eventTimes) exchange.eventTimes.push(now());
    return this.#sent(this.sendEvent(event));
  }

  /** Sends events in one write; on the wire each is a chunk or DATA frame of its own, as from `writeEvent`. */
  writeEvents(texts: readonly string[]): Promise<void> | undefined {
    const exchange = this.exchange;
    if (exchange.end !== undefined || texts.length === 0) return undefined;
    for (const text of texts) exchange.bytesWritten += Buffer.byteLength(text);
    this.#countEvents(texts.length);
    return this.#sent(this.sendTexts(texts));
  }

  /** Ends the answer, with trailers if any. */
  end(trailers: HeaderList = []): void {
    if (this.gone || this.#answered) return;
    this.#answered = true;
    this.sendEnd(trailers);
  }

  /** Breaks the answer off in the given way; the exchange ends as `aborted`. */
  abort(kind: AbortKind): void {
    if (this.gone) return;
    this.#answered = true;
    this.close("aborted");
    this.sendAbort(kind);
  }

  /** Records how the exchange ended, once; the first word counts. */
  close(end: ExchangeEnd): void {
    const exchange = this.exchange;
    if (exchange.end === undefined) {
      exchange.end = end;
      exchange.endedAt = now();
      if (end !== "completed") this.#controller?.abort(new GoneError(end));
      this.#ended(exchange);
      this.#journal.notify();
    }
    this.body.stop();
  }

  /** Lets a client that sent `Expect: 100-continue` send its body. */
  abstract sendContinue(): void;
  /** From now on takes the request body at this many bytes per second. */
  abstract slowRead(bytesPerSecond: number): void;
  protected abstract sendHead(
    status: number,
    headers: HeaderList,
    trailers: boolean,
  ): Promise<void> | undefined;
  protected abstract sendWhole(status: number, headers: HeaderList, whole: WholeBody): void;
  protected abstract sendBody(bytes: Uint8Array): Promise<void> | undefined;
  protected abstract sendEvent(event: StreamEvent): Promise<void> | undefined;
  protected abstract sendTexts(texts: readonly string[]): Promise<void> | undefined;
  protected abstract sendEnd(trailers: HeaderList): void;
  protected abstract sendAbort(kind: AbortKind): void;

  #startAnswer(status: number): void {
    if (this.#headSent) throw new TypeError("Cannot send the head: it was sent before");
    this.#headSent = true;
    this.exchange.status = status;
    this.#journal.notify();
  }

  #countEvents(events: number): void {
    const { eventTimes } = this.exchange;
    this.exchange.events += events;
    if (eventTimes.length >= this.#eventTimes) return;
    const time = now();
    const room = Math.min(events, this.#eventTimes - eventTimes.length);
    for (let i = 0; i < room; i++) eventTimes.push(time);
  }

  #sent(sent: Promise<void> | undefined): Promise<void> | undefined {
    this.#journal.notify();
    return sent ? this.#stalled(sent) : undefined;
  }

  async #stalled(sent: Promise<void>): Promise<void> {
    const from = now();
    await sent;
    this.exchange.writeStallMs += now() - from;
    this.#journal.notify();
  }
}

/** The part of the mock that the two protocols need. */
export interface WireHost {
  readonly journal: Journal<UpstreamExchange>;
  /** Bytes of a request body that are kept for the endpoints. */
  readonly bodyLimit: number;
  /** Whether the journal keeps the bodies of requests without a nonce, too. */
  readonly bodyTexts: boolean;
  /** Times of events that an exchange keeps. */
  readonly eventTimes: number;
  /** Creates the journal entry of a request and appends it. */
  open(
    start: Pick<UpstreamExchange, "connection" | "protocol" | "method" | "target" | "headers">,
    rawHead?: string,
  ): UpstreamExchange;
  /** Called once when an exchange has ended, however it did. */
  ended(exchange: UpstreamExchange): void;
  /** Answers; called at the request head. */
  serve(wire: Wire): void;
}

/** Breaks a connection with a TCP RST; says so in the journal where the runtime cannot. */
export function resetConnection(socket: Socket, exchange: UpstreamExchange): void {
  if (resetSocket(socket) === "rst") return;
  exchange.problem = "A TCP RST cannot be sent by this version of Deno: sent a FIN";
}

/** How long the peer gets to close after our FIN before the socket is destroyed. */
export const LINGER_MS = 2_000;

/** One exchange: a request as bytes, and the transcript of its answer. */
import { SseParser } from "../../openai/mod.ts";
import { now, startDeadline } from "../../service/mod.ts";
import type { HeaderList, Protocol, WaitOptions } from "../target.ts";
import { Awaited } from "../verdict/verdict.ts";
import type { ResponseSink } from "./response_reader.ts";
import type { End, Framing, Head, ReceivedEvent, Transcript } from "./transcript.ts";

/** A request as bytes: nothing is added that is not said here, except what framing needs. */
export interface RequestSpec {
  method: string;
  /** The request target, sent as it is. */
  path: string;
  /** Sent in this order and case. `host` is added when missing. */
  headers: HeaderList;
  body?: Uint8Array | string;
  /**
   * How the body is framed: `length` (default with a body), `chunked`, `none`. A body under manual
   * control (`Exchange.write`, `Exchange.finish`) is `chunked`, or `length` with the header given.
   */
  framing?: "length" | "chunked" | "none";
  /** The body is written by the case, piece by piece. */
  manual?: true;
}

/** The interface of a connection for one exchange. */
export interface ExchangeDriver {
  write(bytes: Uint8Array): Promise<void>;
  finish(trailers?: HeaderList): Promise<void>;
  abort(kind: "rst" | "fin"): void;
  pause(): void;
  resume(): void;
}

/** How long a wait lasts when nothing else is said, milliseconds before the time scale. */
const DEFAULT_WAIT_MS = 8_000;

/**
 * One request and what comes back, as it comes. Waiting is by condition, never by sleeping; a wait
 * ends at once when the response is over and the condition cannot come true any more.
 */
export class Exchange implements ResponseSink {
  readonly transcript: Transcript;
  readonly #driver: ExchangeDriver;
  readonly #waiters = new Set<() => void>();
  readonly #parser = new SseParser();
  readonly #wait: Required<Pick<WaitOptions, "deadlineMs">> & WaitOptions;
  #readsEvents = false;

  constructor(
    protocol: Protocol,
    spec: RequestSpec,
    options: { driver: ExchangeDriver; wait?: WaitOptions },
  ) {
    this.#driver = options.driver;
    this.#wait = { deadlineMs: DEFAULT_WAIT_MS, ...options.wait };
    this.transcript = {
      protocol,
      method: spec.method,
      path: spec.path,
      requestHeaders: spec.headers,
      startedAt: now(),
      informational: [],
      chunks: [],
      bodyBytes: 0,
      events: [],
      comments: [],
      trailers: [],
    };
  }

  /** The request's method; the reader asks for it. */
  get method(): string {
    return this.transcript.method;
  }

  /** Resolves with the response head. */
  head(options?: WaitOptions): Promise<Head> {
    return this.until("response head", () => this.transcript.head, options);
  }

  /** Resolves with the event at `index` (0 is the first). */
  event(index: number, options?: WaitOptions): Promise<ReceivedEvent> {
    const what = `event ${index + 1} at the client`;
    return this.until(what, () => this.transcript.events[index], options);
  }

  /** Resolves when at least `count` body bytes have come. */
  async bytes(count: number, options?: WaitOptions): Promise<void> {
    const what = `${count} body bytes at the client`;
    await this.until(what, () => this.transcript.bodyBytes >= count || undefined, options);
  }

  /** Resolves with how the response ended, clean or not. */
  async ended(options?: WaitOptions): Promise<End> {
    return await this.until("end of the response", () => this.transcript.end, options);
  }

  /** Resolves with the whole transcript once the response has ended. */
  async done(options?: WaitOptions): Promise<Transcript> {
    await this.ended(options);
    return this.transcript;
  }

  /**
   * Resolves with what `probe` returns once that is not `undefined`.
   *
   * @throws {Awaited} when the time is over, or the response ended before
   */
  until<T>(what: string, probe: () => T | undefined, options?: WaitOptions): Promise<T> {
    const { deadlineMs, signal } = { ...this.#wait, ...options };
    const present = probe();
    if (present !== undefined) return Promise.resolve(present);
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        deadline[Symbol.dispose]();
        this.#waiters.delete(look);
        signal?.removeEventListener("abort", onAbort);
        act();
      };
      const look = () => {
        const value = probe();
        if (value !== undefined) settle(() => resolve(value));
        else if (this.transcript.end) {
          settle(() => reject(new Awaited(what, `the response is over: ${this.describe()}`)));
        }
      };
      const onAbort = () => settle(() => reject(signal?.reason));
      const deadline = startDeadline(
        deadlineMs,
        () =>
          settle(() =>
            reject(new Awaited(what, `not within ${Math.round(deadlineMs)} ms: ${this.describe()}`))
          ),
      );
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(look);
      if (signal?.aborted) onAbort();
      else look();
    });
  }

  /** Sends body bytes of a manual upload; resolves when the socket has taken them. */
  write(bytes: Uint8Array | string): Promise<void> {
    return this.#driver.write(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
  }

  /** Ends a manual upload. */
  finish(trailers?: HeaderList): Promise<void> {
    return this.#driver.finish(trailers);
  }

  /** Leaves at once: TCP RST or FIN on HTTP/1.1, RST_STREAM with CANCEL on HTTP/2, CONNECTION_CLOSE on HTTP/3. */
  abort(kind: "rst" | "fin" = "rst"): void {
    this.ends({ kind: "aborted", at: now(), detail: kind });
    this.#driver.abort(kind);
  }

  /** Stops reading, so that back-pressure reaches the sender. */
  pause(): void {
    this.#driver.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#driver.resume();
  }

  /** Says in a few words how far the response came. */
  describe(): string {
    const { head, bodyBytes, events, end } = this.transcript;
    const parts = [head ? `status ${head.status}` : "no response head"];
    if (head) parts.push(`${bodyBytes} body bytes`);
    if (events.length > 0) parts.push(`${events.length} events`);
    parts.push(end ? `ended by ${end.kind}${end.detail ? ` (${end.detail})` : ""}` : "still open");
    return parts.join(", ");
  }

  // Events that the connection tells.

  onInformational(status: number, reason: string, headers: HeaderList): void {
    this.transcript.informational.push({ status, reason, headers, at: now() });
    this.#changed();
  }

  onHead(status: number, reason: string, headers: HeaderList, framing: Framing): void {
    this.transcript.head = { status, reason, headers, at: now() };
    this.transcript.framing = framing;
    this.#readsEvents = headers.some(([name, value]) =>
      name.toLowerCase() === "content-type" && /^text\/event-stream\b/i.test(value)
    );
    this.#changed();
  }

  onBody(bytes: Uint8Array): void {
    const at = now();
    this.transcript.chunks.push({ at, bytes: bytes.slice() });
    this.transcript.bodyBytes += bytes.length;
    if (this.#readsEvents) {
      for (const item of this.#parser.push(bytes)) {
        if (item.kind === "comment") this.transcript.comments.push({ at, text: item.text });
        else this.transcript.events.push({ at, ...item });
      }
    }
    this.#changed();
  }

  onComplete(trailers: HeaderList): void {
    this.transcript.trailers = trailers;
    this.ends({ kind: "complete", at: now() });
  }

  /** Records the end, once. */
  ends(end: End): void {
    if (this.transcript.end) return;
    this.transcript.end = end;
    this.#changed();
  }

  #changed(): void {
    for (const look of [...this.#waiters]) look();
  }
}

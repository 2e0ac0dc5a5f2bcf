/** Requests to one server, over connections that are kept. */
import { AnswerReader } from "./answer.ts";
import { close, dial, type Place, requestBytes, writeAll } from "./connection.ts";

/** A request. */
export interface Http1Request {
  readonly method: "GET" | "POST";
  /** With its query. */
  readonly path: string;
  /** Beside `host` and the body's length. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Closes the connection when it aborts, unless the answer has been read to its end. */
  readonly signal: AbortSignal;
}

/** An answer that has begun. One that nobody reads holds its connection until the signal aborts. */
export interface Http1Answer {
  readonly status: number;
  /** @param name In lower case. */
  header(name: string): string | undefined;
  /**
   * The body's pieces as they come, each valid until the next is asked for. To be read once; read to
   * the end, the connection is kept, else it is closed. Throws when it breaks off, or the signal's
   * reason.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Reads the body to its end as UTF-8, in place of `body`. */
  text(): Promise<string>;
}

/** A client of one server. Disposing it closes its connections, those in use too. */
export interface Http1Client extends Disposable {
  /**
   * Sends a request and resolves with the answer's head. It is sent again when a kept connection
   * turns out to be closed before a byte of an answer came.
   *
   * @throws the system's error, the signal's reason, or a `TypeError` for what is no HTTP/1.1
   */
  send(request: Http1Request): Promise<Http1Answer>;
}

/** Kept connections are closed after so many milliseconds; uvicorn closes its side after 5 s. */
const IDLE_MS = 4_000;

/**
 * Returns the client of the server at an `http:` URL. Nothing is dialled before the first request.
 *
 * @throws {TypeError} for a URL of another protocol
 */
export function http1Client({ protocol, hostname, port, host }: URL): Http1Client {
  if (protocol !== "http:") throw new TypeError(`Cannot speak "${protocol}": expected "http:"`);
  return new Pool({ hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port || "80") }, host);
}

class Pool implements Http1Client {
  readonly #place: Place;
  readonly #host: string;
  readonly #all = new Set<Connection>();
  /** The one that was used last is taken first, so that those too many grow old. */
  readonly #idle: Connection[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #disposed = false;

  constructor(place: Place, host: string) {
    this.#place = place;
    this.#host = host;
  }

  async send(request: Http1Request): Promise<Http1Answer> {
    const { signal, method, path, headers, body } = request;
    const bytes = requestBytes(`${method} ${path}`, { host: this.#host, ...headers }, body);
    while (true) {
      signal.throwIfAborted();
      const kept = this.#idle.pop();
      const connection = kept ?? await this.#open(signal);
      try {
        return await connection.exchange(bytes, signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (kept === undefined || this.#disposed || !connection.silent) throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    clearTimeout(this.#timer);
    for (const connection of this.#all) connection.close();
  }

  async #open(signal: AbortSignal): Promise<Connection> {
    const connection: Connection = new Connection(await dial(this.#place, signal), {
      onIdle: () => {
        this.#idle.push(connection);
        this.#timer ??= this.#sweepLater();
      },
      onClose: () => {
        this.#all.delete(connection);
        const place = this.#idle.indexOf(connection);
        if (place >= 0) this.#idle.splice(place, 1);
      },
    });
    this.#all.add(connection);
    if (this.#disposed) connection.close();
    return connection;
  }

  #sweepLater(): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      const until = performance.now() - IDLE_MS;
      for (const connection of [...this.#idle]) {
        if (connection.idleSince <= until) connection.close();
      }
      this.#timer = this.#idle.length === 0 ? undefined : this.#sweepLater();
    }, IDLE_MS);
    Deno.unrefTimer(timer);
    return timer;
  }
}

class Connection {
  readonly #connection: Deno.Conn;
  readonly #reader: AnswerReader;
  readonly #events: { onIdle(): void; onClose(): void };
  #state: "busy" | "idle" | "closed" = "busy";
  #written = false;
  /** When it was last put by; `performance.now()`. */
  idleSince = 0;

  constructor(connection: Deno.Conn, events: { onIdle(): void; onClose(): void }) {
    this.#connection = connection;
    this.#reader = new AnswerReader(connection);
    this.#events = events;
  }

  /** Whether nothing of an answer has come. */
  get silent(): boolean {
    return this.#reader.silent;
  }

  async exchange(bytes: Uint8Array, signal: AbortSignal): Promise<Http1Answer> {
    this.#state = "busy";
    this.#written = false;
    const leave = () => this.close();
    signal.addEventListener("abort", leave);
    const end = () => signal.removeEventListener("abort", leave);
    try {
      // Not awaited: a server may answer before it has read everything, and read no more.
      writeAll(this.#connection, bytes).then(() => this.#written = true, () => {});
      const { status, headers } = await this.#reader.head();
      return {
        status,
        header: (name) => headers.get(name),
        body: { [Symbol.asyncIterator]: () => this.#pieces(signal, end) },
        text: () => this.#text(signal, end),
      };
    } catch (error) {
      end();
      this.close();
      throw error;
    }
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    close(this.#connection);
    this.#events.onClose();
  }

  /** Not a generator: those cost a turn more for each piece. */
  #pieces(signal: AbortSignal, end: () => void): AsyncIterator<Uint8Array> {
    const stop = () => {
      end();
      this.#release();
    };
    return {
      next: async () => {
        const value = await this.#piece(signal).catch((error) => {
          stop();
          throw error;
        });
        if (value !== undefined) return { done: false, value };
        stop();
        return { done: true, value: undefined };
      },
      return: () => {
        stop();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  async #text(signal: AbortSignal, end: () => void): Promise<string> {
    const decoder = new TextDecoder();
    let text = "";
    try {
      for (let piece = await this.#piece(signal); piece; piece = await this.#piece(signal)) {
        text += decoder.decode(piece, { stream: true });
      }
      return text + decoder.decode();
    } finally {
      end();
      this.#release();
    }
  }

  async #piece(signal: AbortSignal): Promise<Uint8Array | undefined> {
    try {
      return await this.#reader.piece();
    } catch (error) {
      throw signal.aborted ? signal.reason : error;
    }
  }

  /** Keeps the connection if it can be used again. */
  #release(): void {
    if (this.#state !== "busy") return;
    if (!this.#written || !this.#reader.reusable) return this.close();
    this.#state = "idle";
    this.idleSince = performance.now();
    this.#events.onIdle();
    // Whatever comes while nothing is asked for, the end most of all, ends it.
    const spoken = () => {
      if (this.#state === "idle") this.close();
    };
    this.#reader.readAhead().then(spoken, spoken);
  }
}

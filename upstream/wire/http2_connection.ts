/** One HTTP/2 connection of a client. */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import {
  encodeHeaders,
  FLAG,
  FRAME,
  H2_ERROR,
  H2Connection,
  type H2Stream,
  type StreamEvents,
} from "../../http2/mod.ts";
import type { StreamEvent } from "../load/stream_event.ts";
import type { AbortKind, UpstreamExchange } from "../types.ts";
import {
  type HeaderList,
  LINGER_MS,
  resetConnection,
  type WholeBody,
  Wire,
  type WireHost,
} from "./wire.ts";

/** First bytes of a client with prior knowledge (RFC 9113 section 3.4). */
export const H2_PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const EMPTY = new Uint8Array(0);

/**
 * One HTTP/2 connection (prior knowledge) on the project's own engine. The evidence of how the
 * connection ends belongs to each of its exchanges.
 */
export class Http2Connection {
  readonly socket: Socket;
  readonly #id: number;
  readonly #host: WireHost;
  readonly #wires = new Set<Http2Wire>();
  readonly #engine: H2Connection;
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;

  /** @param first the bytes that were read already to tell the protocol */
  constructor(
    socket: Socket,
    options: { id: number; host: WireHost; first: Uint8Array },
  ) {
    this.socket = socket;
    this.#id = options.id;
    this.#host = options.host;
    // Before the engine's own listeners: FIN against RST must be known when streams are closed.
    socket.on("end", () => {
      this.#closeAll("client-fin");
      this.finish();
    });
    socket.on("error", () => this.#closeAll("client-rst"));
    socket.on("close", () => {
      this.#closeAll("client-fin");
      clearTimeout(this.#lingerTimer);
    });
    this.#engine = new H2Connection(socket, {
      stream: (stream) => this.#onStream(stream),
      malformed: (headers, why) => this.#witness(headers, why),
      failed: (why) => this.#onFailure(why),
    });
    socket.emit("data", Buffer.from(options.first));
  }

  /** Sends what was gathered, so that each event is a write of its own. */
  flush(): void {
    this.#engine.flush();
  }

  /** Sends a frame that no library would, then what a script asks for. */
  frame(head: { type: number; flags: number; stream: number }, payload: readonly number[]): void {
    this.#engine.out.frame(head, Uint8Array.from(payload));
    this.#engine.flush();
  }

  /** Says that no stream was processed. */
  goAway(): void {
    this.#engine.goAway(H2_ERROR.NO_ERROR, 0);
    this.#engine.flush();
  }

  /** Sends FIN after what was written, and gives the peer a moment to close too. */
  finish(): void {
    this.socket.end();
    this.#lingerTimer ??= setTimeout(() => this.socket.destroy(), LINGER_MS);
  }

  #closeAll(end: "client-fin" | "client-rst"): void {
    for (const wire of this.#wires) wire.close(end);
    this.#wires.clear();
  }

  #onStream(stream: H2Stream): void {
    const exchange = this.#open(stream.headers);
    const wire = new Http2Wire(exchange, stream, { connection: this, host: this.#host });
    this.#wires.add(wire);
    stream.events = wire.events(() => this.#wires.delete(wire));
    this.#host.serve(wire);
  }

  #open(fields: HeaderList): UpstreamExchange {
    const headers = fields.map(([name, value]): [string, string] => [name, value]);
    const pseudo = (name: string) => headers.find(([key]) => key === name)?.[1] ?? "";
    return this.#host.open({
      connection: this.#id,
      protocol: "h2",
      method: pseudo(":method"),
      target: pseudo(":path"),
      headers,
    });
  }

  /** A request that breaks the rules of HTTP/2 reaches no endpoint; the journal says what it was. */
  #witness(fields: HeaderList, why: string): void {
    const exchange = this.#open(fields);
    exchange.problem = why;
    exchange.end = "aborted";
    exchange.endedAt = exchange.receivedAt;
    this.#host.ended(exchange);
    this.#host.journal.notify();
  }

  /** The connection breaks: what was under way knows why; when nothing was, an entry of its own says it. */
  #onFailure(why: string): void {
    if (this.#wires.size === 0) return this.#witness([], why);
    for (const wire of [...this.#wires]) {
      wire.exchange.problem = why;
      wire.close("aborted");
    }
    this.#wires.clear();
  }
}

/** One HTTP/2 stream. */
class Http2Wire extends Wire {
  readonly #stream: H2Stream;
  readonly #connection: Http2Connection;
  readonly #host: WireHost;
  #readRate = 0;
  #unread = 0;
  /** Bytes of the body that the client's budget carries. */
  #held = 0;
  #readTimer: ReturnType<typeof setTimeout> | undefined;
  #bodiless = false;

  constructor(
    exchange: Wire["exchange"],
    stream: H2Stream,
    options: { connection: Http2Connection; host: WireHost },
  ) {
    super(exchange, options.host);
    this.#stream = stream;
    this.#connection = options.connection;
    this.#host = options.host;
  }

  /** Returns handlers for the client's frames; `closed` is called when the stream is gone. */
  events(closed: () => void): StreamEvents {
    return {
      data: (piece) => this.#onData(piece),
      end: () => {
        this.#stream.hold(-this.#held);
        this.body.finish();
        this.#host.journal.notify();
      },
      malformed: (why) => {
        this.exchange.problem = why;
        this.close("aborted");
      },
      closed: (lost) => {
        clearTimeout(this.#readTimer);
        this.close(lost ? "h2-rst" : "completed");
        closed();
      },
    };
  }

  override sendContinue(): void {
    if (this.header("expect")?.toLowerCase() === "100-continue" && !this.headSent) {
      this.#stream.sendHeaders(encodeHeaders([[":status", "100"]]), false);
    }
  }

  override slowRead(bytesPerSecond: number): void {
    this.#readRate = bytesPerSecond;
    this.#stream.autoConsume = false;
  }

  protected override sendHead(status: number, headers: HeaderList) {
    this.#bodiless = this.exchange.method === "HEAD" || status === 204 || status === 304;
    this.#stream.sendHeaders(encodeHeaders(fieldsOf(headers, status)), this.#bodiless);
    return this.#flushed();
  }

  protected override sendWhole(
    status: number,
    headers: HeaderList,
    { body, bytes }: WholeBody,
  ): void {
    const known = headers.some(([name]) => name.toLowerCase() === "content-length");
    const length: HeaderList = known ? [] : [["content-length", String(bytes)]];
    this.#bodiless = this.exchange.method === "HEAD" || status === 204 || status === 304;
    this.#stream.sendHeaders(
      encodeHeaders(fieldsOf([...headers, ...length], status)),
      this.#bodiless,
    );
    if (!this.#bodiless) {
      this.#stream.sendData(typeof body === "string" ? Buffer.from(body) : body, true);
    }
  }

  protected override sendBody(bytes: Uint8Array) {
    if (this.#bodiless || bytes.length === 0) return undefined;
    this.#stream.sendData(bytes, false);
    return this.#flushed();
  }

  protected override sendEvent(event: StreamEvent) {
    return this.sendBody(Buffer.from(event.text));
  }

  protected override sendTexts(texts: readonly string[]) {
    if (this.#bodiless) return undefined;
    for (const text of texts) if (text !== "") this.#stream.sendData(Buffer.from(text), false);
    return this.#flushed();
  }

  protected override sendEnd(trailers: HeaderList): void {
    if (this.#bodiless) return;
    if (trailers.length > 0) this.#stream.sendHeaders(encodeHeaders(fieldsOf(trailers)), true);
    else this.#stream.sendData(EMPTY, true);
  }

  protected override sendAbort(kind: AbortKind): void {
    const connection = this.#connection;
    const stream = this.#stream.id;
    switch (kind) {
      case "rst":
        this.#stream.reset(H2_ERROR.INTERNAL_ERROR);
        return;
      case "tcp_rst":
        resetConnection(connection.socket, this.exchange);
        return;
      case "short_length":
        this.#shortLength();
        return;
      case "fin":
        break;
      case "goaway":
        connection.goAway();
        break;
      case "bad_chunk":
        // DATA whose padding is longer than the frame: a connection error (RFC 9113 section 6.1).
        connection.frame({ type: FRAME.DATA, flags: FLAG.PADDED, stream }, [255, 1, 2]);
        break;
      case "garbage":
        // A settings frame on a stream, then bytes that are no frame at all.
        connection.frame({ type: FRAME.SETTINGS, flags: 0, stream }, [0xff, 0xff, 0xff]);
        connection.socket.write(
          Buffer.from("\xff\xff\xffgarbage, not a frame\x00\xde\xad\xbe\xef", "latin1"),
        );
        break;
    }
    connection.finish();
  }

  /** `content-length` larger than the DATA that follows: malformed (RFC 9113 section 8.1.1). */
  #shortLength(): void {
    if (!this.headSent) {
      const list: HeaderList = [["content-type", "application/json"], ["content-length", "4096"]];
      this.#stream.sendHeaders(encodeHeaders(fieldsOf(list, 200)), false);
    }
    this.#stream.sendData(Buffer.from('{"id":"'), true);
  }

  /** Writes at once; a promise only when the peer is slow to take it. */
  #flushed(): Promise<void> | undefined {
    this.#connection.flush();
    return this.#stream.stalled ? this.#stream.drained() : undefined;
  }

  #onData(piece: Uint8Array): void {
    const before = this.body.kept;
    this.body.push(piece);
    // Until it is whole, a body is the client's to account for.
    const more = this.body.kept - before;
    this.#held += more;
    this.#stream.hold(more);
    this.#host.journal.notify();
    if (this.#readRate > 0) this.#creditLater(piece.length);
  }

  /** Opens the client's window again at the wanted rate; until then it must hold back. */
  #creditLater(bytes: number): void {
    this.#unread += bytes;
    if (this.#readTimer !== undefined) return;
    const credit = this.#unread;
    this.#readTimer = setTimeout(() => {
      this.#readTimer = undefined;
      this.#unread -= credit;
      this.#stream.consume(credit);
      if (this.#unread > 0) this.#creditLater(0);
    }, Math.max(1, (credit / this.#readRate) * 1000));
  }
}

/** Header names that HTTP/2 forbids (RFC 9113 section 8.2.2); a script may carry them for HTTP/1.1. */
const CONNECTION_HEADERS = new Set(["connection", "transfer-encoding", "keep-alive", "upgrade"]);

function fieldsOf(headers: HeaderList, status?: number): [string, string][] {
  const fields: [string, string][] = status === undefined ? [] : [[":status", String(status)]];
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (!CONNECTION_HEADERS.has(lower)) fields.push([lower, value]);
  }
  return fields;
}

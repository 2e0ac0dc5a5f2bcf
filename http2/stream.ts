/** One HTTP/2 stream, as its server or its client sees it. */
import { WORTH } from "./budget.ts";
import type { Carrier } from "./carrier.ts";
import { FLAG, FRAME, H2_ERROR, MAX_WINDOW, STREAM_WINDOW } from "./frames.ts";
import type { Ending } from "./closed_streams.ts";
import type { HeaderList } from "./hpack.ts";

/** Events of a stream. */
export interface StreamEvents {
  /** A header block of the answer came, or its trailers; only a client hears of it. */
  headers?(list: HeaderList): void;
  /** Bytes came; they are valid as long as somebody holds them. */
  data(chunk: Uint8Array): void;
  /** The peer sent all it had. */
  end(): void;
  /** The read that brought the request is over, and the stream is still open; only a server hears of it. */
  pending?(): void;
  /** The peer broke a rule of HTTP on this stream (RFC 9113, section 8.1.1), which is being reset. */
  malformed?(why: string): void;
  /**
   * The stream is gone; `lost` when the peer reset it (`code` then says why) or the connection broke before both sides
   * had ended.
   */
  closed(lost: boolean, code?: number): void;
}

/** Something to send. `held` is how many bytes the peer's budget carries for it. */
type Item =
  & { readonly last: boolean; held: number }
  & ({ readonly block: Uint8Array } | { readonly data: Uint8Array; sent: number });

/** Where a stream begins. */
export interface StreamStart {
  readonly id: number;
  readonly headers: HeaderList;
  /** Bytes of body that the request promises. */
  readonly contentLength?: number | undefined;
  /** Bytes that the peer's budget carries until it is closed. */
  readonly held?: number;
}

/** A stream of one request and its answer. */
export class H2Stream {
  readonly id: number;
  /** The request's header fields; empty on the side that sent them. */
  readonly headers: HeaderList;
  readonly connection: Carrier;
  /** Set by whoever answers, or asked. */
  events: StreamEvents | undefined;
  /** Whether bytes count as read when they arrive; off, `consume` says when. */
  autoConsume = true;
  /**
   * Asks the client to stop (RST_STREAM NO_ERROR, section 8.1) when the answer is whole before the request is, as gRPC
   * servers do; off, what still comes is read and dropped.
   */
  stopsRequest = false;
  readonly #contentLength: number | undefined;
  #received = 0;
  #held: number;
  #answered = false;
  #window: number;
  #unread = 0;
  #uncredited = 0;
  #queue: Item[] = [];
  #waiters: (() => void)[] = [];
  #remoteEnded = false;
  #localEnded = false;
  #closed = false;

  constructor(connection: Carrier, { id, headers, contentLength, held = 0 }: StreamStart) {
    this.connection = connection;
    this.id = id;
    this.headers = headers;
    this.#contentLength = contentLength;
    this.#held = held;
    if (held > 0) connection.hold(held);
    this.#window = connection.peerStreamWindow;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether the peer has ended its side. */
  get remoteEnded(): boolean {
    return this.#remoteEnded;
  }

  /** Whether the answer's head has come, on a client's stream. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Sends a header block; the last one ends the stream. */
  sendHeaders(block: Uint8Array, last: boolean): void {
    if (this.#closed || this.#localEnded) return;
    this.#send({ block, last, held: 0 });
  }

  /** Sends bytes as far as the windows allow, the rest when they open. */
  sendData(data: Uint8Array, last: boolean): void {
    if (this.#closed || this.#localEnded) return;
    this.#send({ data, sent: 0, last, held: 0 });
  }

  #send(item: Item): void {
    this.#queue.push(item);
    this.pump();
    if (this.#queue.length === 0) return;
    // It waits for the peer: until it has gone, the peer's budget carries it.
    item.held = "block" in item ? item.block.length : item.data.length;
    this.hold(item.held);
  }

  /** Counts bytes that are held for the peer until the stream is closed; negative, when they are let go. */
  hold(bytes: number): void {
    if (this.#closed) return;
    this.#held += bytes;
    this.connection.hold(bytes);
  }

  /**
   * Sends `data` behind the framing of the protocol above (`prefix`, which may be reused when this returns): most
   * often in one frame, without a copy in between.
   */
  sendPrefixed(prefix: Uint8Array, data: Uint8Array): void {
    const { connection } = this;
    const size = prefix.length + data.length;
    const room = Math.min(connection.sendWindow, this.#window, connection.peerMaxFrame);
    if (this.#closed || this.#localEnded || this.#queue.length > 0 || size > room) {
      const joined = new Uint8Array(size);
      joined.set(prefix);
      joined.set(data, prefix.length);
      this.sendData(joined, false);
      return;
    }
    connection.out.prefixed(this.id, prefix, data);
    connection.budget.earn(WORTH.data);
    connection.sendWindow -= size;
    this.#window -= size;
    connection.flushSoon();
  }

  /** Ends the stream abnormally. */
  reset(code: number): void {
    if (this.#closed) return;
    this.connection.out.number({ type: FRAME.RST_STREAM, flags: 0, stream: this.id }, code);
    this.connection.flushSoon();
    this.#finish("reset here", false);
  }

  /** Whether something sent waits for a window or for the socket. */
  get stalled(): boolean {
    return !this.#closed && (this.#queue.length > 0 || this.connection.socket.writableNeedDrain);
  }

  /** Resolves when everything sent so far has left this process, or the stream is gone. */
  async drained(): Promise<void> {
    while (this.stalled) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  /** Lets those who wait in `drained` look again. */
  wake(): void {
    if (this.#waiters.length === 0) return;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** Counts bytes of a DATA frame, padding included; false when the peer ignored its window. */
  takes(framed: number): boolean {
    this.#unread += framed;
    return this.#unread <= STREAM_WINDOW;
  }

  /** Counts bytes of the body; returns why they make the request malformed. */
  receive(content: Uint8Array, framed: number, last: boolean): string | undefined {
    this.#received += content.length;
    const promised = this.#contentLength;
    if (promised !== undefined) {
      const wrong = last ? this.#received !== promised : this.#received > promised;
      if (wrong) return "content-length is not the length of the body";
    }
    if (this.autoConsume) this.consume(framed);
    // Padding is nobody's to read.
    else if (framed > content.length) this.consume(framed - content.length);
    if (content.length > 0) this.events?.data(content);
    return undefined;
  }

  /** The head of the answer, or its trailers, as a client. */
  answer(list: HeaderList): void {
    // 1xx are no answer yet.
    this.#answered ||= list.some(([name, value]) => name === ":status" && !value.startsWith("1"));
    this.events?.headers?.(list);
  }

  /** Says that bytes were read, so that the peer may send as many more. */
  consume(bytes: number): void {
    this.#uncredited += bytes;
    if (this.#uncredited < STREAM_WINDOW / 2 || this.#remoteEnded || this.#closed) return;
    this.connection.out.number(
      { type: FRAME.WINDOW_UPDATE, flags: 0, stream: this.id },
      this.#uncredited,
    );
    this.#unread -= this.#uncredited;
    this.#uncredited = 0;
    this.connection.flushSoon();
  }

  /** The peer ended its side. */
  receiveEnd(): void {
    if (this.#remoteEnded || this.#closed) return;
    this.#remoteEnded = true;
    this.events?.end();
    if (this.#localEnded) this.#finish("ended", false);
  }

  /** The peer lets more be sent, or less; false when the window is above what one may be. */
  grant(bytes: number): boolean {
    if (this.#window + bytes > MAX_WINDOW) return false;
    this.#window += bytes;
    this.pump();
    return true;
  }

  /** Sends what the windows allow. */
  pump(): void {
    const { connection } = this;
    while (this.#queue.length > 0) {
      const item = this.#queue[0];
      if (item === undefined) break;
      if ("block" in item) {
        connection.out.headers(this.id, item.block, {
          last: item.last,
          maxFrame: connection.peerMaxFrame,
        });
      } else if (!this.#pumpData(item)) break;
      this.#queue.shift();
      if (item.held > 0) this.hold(-item.held);
      if (item.last) this.#endLocal();
    }
    if (this.#queue.length === 0) this.wake();
    connection.flushSoon();
  }

  /** Sends one item of data; false when a window stopped it. */
  #pumpData(item: { readonly data: Uint8Array; sent: number; readonly last: boolean }): boolean {
    const { connection } = this;
    const { data } = item;
    do {
      const left = data.length - item.sent;
      const room = Math.min(connection.sendWindow, this.#window, connection.peerMaxFrame);
      if (left > 0 && room <= 0) {
        connection.block(this);
        return false;
      }
      const size = Math.min(left, Math.max(room, 0));
      const flags = item.last && size === left ? FLAG.END_STREAM : 0;
      connection.out.part(
        { type: FRAME.DATA, flags, stream: this.id },
        { payload: data, start: item.sent, end: item.sent + size },
      );
      if (size > 0) connection.budget.earn(WORTH.data);
      item.sent += size;
      connection.sendWindow -= size;
      this.#window -= size;
    } while (item.sent < data.length);
    return true;
  }

  #endLocal(): void {
    this.#localEnded = true;
    // A client that still sends learns from the end of our side; its bytes are read and dropped.
    this.autoConsume = true;
    if (this.#remoteEnded) return this.#finish("ended", false);
    if (!this.stopsRequest) return;
    this.connection.out.number(
      { type: FRAME.RST_STREAM, flags: 0, stream: this.id },
      H2_ERROR.NO_ERROR,
    );
    this.#finish("reset here", false);
  }

  /** Ends the stream in this process; nothing is sent. `lost` with the peer's code, or with the connection. */
  close(lost: boolean, code?: number): void {
    this.#finish("reset by the peer", lost, code);
  }

  #finish(ending: Ending, lost: boolean, code?: number): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    const { connection } = this;
    connection.hold(-this.#held);
    if (ending === "ended") connection.budget.earn(WORTH.stream);
    connection.forget(this, ending);
    this.wake();
    this.events?.closed(lost && !(this.#localEnded && this.#remoteEnded), code);
  }
}

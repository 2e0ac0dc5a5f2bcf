/** One HTTP/2 stream, as its server or its client sees it. */
import type { H2Connection } from "./connection.ts";
import { FLAG, FRAME, STREAM_WINDOW } from "./frames.ts";
import type { HeaderList } from "./hpack.ts";

/** What happens on a stream. */
export interface StreamEvents {
  /** A header block of the answer came, or its trailers; only a client hears of it. */
  headers?(list: HeaderList): void;
  /** Bytes came; they are valid as long as somebody holds them. */
  data(chunk: Uint8Array): void;
  /** The peer sent all it had. */
  end(): void;
  /**
   * The stream is gone; `lost` when the peer reset it (`code` then says why) or the connection broke before both sides
   * had ended.
   */
  closed(lost: boolean, code?: number): void;
}

type Item =
  | { readonly block: Uint8Array; readonly last: boolean }
  | { readonly data: Uint8Array; sent: number; readonly last: boolean };

/** A stream of one request and its answer. */
export class H2Stream {
  readonly id: number;
  /** The request's header fields; empty on the side that sent them. */
  readonly headers: HeaderList;
  readonly connection: H2Connection;
  /** Set by whoever answers, or asked. */
  events: StreamEvents | undefined;
  /** Whether bytes count as read when they arrive; off, `consume` says when. */
  autoConsume = true;
  #window: number;
  #unread = 0;
  #uncredited = 0;
  #queue: Item[] = [];
  #waiters: (() => void)[] = [];
  #remoteEnded = false;
  #localEnded = false;
  #closed = false;

  constructor(connection: H2Connection, { id, headers }: { id: number; headers: HeaderList }) {
    this.connection = connection;
    this.id = id;
    this.headers = headers;
    this.#window = connection.peerStreamWindow;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends a header block; the last one ends the stream. */
  sendHeaders(block: Uint8Array, last: boolean): void {
    if (this.#closed || this.#localEnded) return;
    this.#queue.push({ block, last });
    this.pump();
  }

  /** Sends bytes as far as the windows allow, the rest when they open. */
  sendData(data: Uint8Array, last: boolean): void {
    if (this.#closed || this.#localEnded) return;
    this.#queue.push({ data, sent: 0, last });
    this.pump();
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
    connection.sendWindow -= size;
    this.#window -= size;
    connection.flushSoon();
  }

  /** Ends the stream abnormally. */
  reset(code: number): void {
    if (this.#closed) return;
    this.connection.out.number({ type: FRAME.RST_STREAM, flags: 0, stream: this.id }, code);
    this.connection.flushSoon();
    this.close(false);
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

  /** Takes bytes off the wire; false when the peer ignored its window. */
  receive(content: Uint8Array, framed: number): boolean {
    this.#unread += framed;
    if (this.#unread > STREAM_WINDOW) return false;
    if (this.autoConsume) this.consume(framed);
    // Padding is nobody's to read.
    else if (framed > content.length) this.consume(framed - content.length);
    if (content.length > 0 && !this.#remoteEnded) this.events?.data(content);
    return true;
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
    if (this.#remoteEnded) return;
    this.#remoteEnded = true;
    this.events?.end();
    if (this.#localEnded) this.close(false);
  }

  /** The peer lets more be sent, or less. */
  grant(bytes: number): void {
    this.#window += bytes;
    this.pump();
  }

  /** Sends what the windows allow. */
  pump(): void {
    const { connection } = this;
    while (this.#queue.length > 0) {
      const item = this.#queue[0];
      if (item === undefined) break;
      if ("block" in item) {
        const flags = FLAG.END_HEADERS | (item.last ? FLAG.END_STREAM : 0);
        connection.out.frame({ type: FRAME.HEADERS, flags, stream: this.id }, item.block);
      } else if (!this.#pumpData(item)) break;
      this.#queue.shift();
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
    if (this.#remoteEnded) this.close(false);
  }

  /** Ends the stream in this process; nothing is sent. */
  close(lost: boolean, code?: number): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.connection.forget(this);
    this.wake();
    this.events?.closed(lost && !(this.#localEnded && this.#remoteEnded), code);
  }
}

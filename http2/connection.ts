/**
 * One side of one HTTP/2 connection: https://www.rfc-editor.org/rfc/rfc9113
 *
 * Only what gRPC needs: no push, no priorities, header blocks without state. Everything that one
 * read causes leaves in one write, which is where the speed comes from.
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import {
  DEFAULT_WINDOW,
  FLAG,
  FRAME,
  type FrameHead,
  FrameReader,
  FrameWriter,
  H2_ERROR,
  MAX_FRAME_BYTES,
  MAX_WINDOW,
  PREFACE,
  SETTING,
  STREAM_WINDOW,
  uint32,
  unpadded,
} from "./frames.ts";
import { type HeaderList, HpackDecoder } from "./hpack.ts";
import { H2Stream, type StreamEvents } from "./stream.ts";

/** Streams that one connection may have open; above Envoy's own limit for the policy cluster. */
const MAX_CONCURRENT_STREAMS = 100_000;

/** Receive window per connection, bytes: sixteen streams at full window do not wait for each other. */
const CONNECTION_WINDOW = 16 * 1024 * 1024;

/** Longest header block, compressed, in bytes; a chain of CONTINUATION frames ends here. */
const MAX_BLOCK_BYTES = 64 * 1024;

/** What a browser or curl without HTTP/2 is told. */
const NOT_HTTP2 =
  "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n" +
  "This port speaks gRPC: HTTP/2 with prior knowledge\n";

/** A header block that is still arriving. */
interface Block {
  readonly stream: number;
  readonly flags: number;
  readonly parts: Uint8Array[];
  bytes: number;
}

/** What a client wants to hear of its connection. */
export interface ClientSide {
  /** More streams can be opened here, or none any more. */
  changed(): void;
}

/** One connection. A server's reports each new stream, a client's opens them; the rest stays inside. */
export class H2Connection {
  readonly socket: Socket;
  /** The window that the peer grants each new stream. */
  peerStreamWindow = DEFAULT_WINDOW;
  /** The longest payload that the peer takes. */
  peerMaxFrame = MAX_FRAME_BYTES;
  /** What may still be sent on the whole connection. */
  sendWindow = DEFAULT_WINDOW;
  /** Streams that the peer lets be open at once. */
  peerMaxStreams = Infinity;
  /** Frames to send. */
  readonly out = new FrameWriter();
  readonly #streams = new Map<number, H2Stream>();
  readonly #blocked = new Set<H2Stream>();
  readonly #reader = new FrameReader();
  readonly #hpack = new HpackDecoder();
  readonly #onStream: (stream: H2Stream) => void;
  readonly #client: ClientSide | undefined;
  #preface = Buffer.alloc(0);
  #prefaceDone = false;
  #block: Block | undefined;
  #lastStream = 0;
  #uncredited = 0;
  #goingAway = false;
  #corked = false;
  #flushQueued = false;

  /** Takes a socket that is connected: as a server that is told of new streams, or as a client. */
  constructor(socket: Socket, side: ((stream: H2Stream) => void) | ClientSide) {
    this.socket = socket;
    this.#client = typeof side === "function" ? undefined : side;
    // A stream that a client did not open never gets this far.
    this.#onStream = typeof side === "function" ? side : () => {};
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => this.#read(chunk));
    socket.on("error", () => {});
    socket.on("drain", () => this.#drained());
    socket.once("close", () => {
      for (const stream of this.#streams.values()) stream.close(true);
      this.#streams.clear();
    });
    this.#greet();
  }

  /** Streams that are open. */
  get open(): number {
    return this.#streams.size;
  }

  /** Whether another stream can be opened here now; only a client's can. */
  get takesMore(): boolean {
    return !this.#goingAway && !this.socket.destroyed && this.#streams.size < this.peerMaxStreams;
  }

  /** Whether no further stream will ever be opened here. */
  get retired(): boolean {
    return this.#goingAway || this.socket.destroyed;
  }

  /** Opens a stream, as a client: its request's header block goes out with the next write. */
  openStream(block: Uint8Array, events: StreamEvents): H2Stream {
    this.#lastStream = this.#lastStream === 0 ? 1 : this.#lastStream + 2;
    const stream = new H2Stream(this, { id: this.#lastStream, headers: [] });
    stream.events = events;
    this.#streams.set(stream.id, stream);
    stream.sendHeaders(block, false);
    return stream;
  }

  /** Tells the peer to open no more streams here; those that run go on. */
  goAway(code: number = H2_ERROR.NO_ERROR, lastStream: number = this.#lastStream): void {
    this.#goingAway = true;
    const payload = new Uint8Array(8);
    const view = new DataView(payload.buffer);
    view.setUint32(0, lastStream);
    view.setUint32(4, code);
    this.out.frame({ type: FRAME.GOAWAY, flags: 0, stream: 0 }, payload);
    this.flushSoon();
  }

  /** Sends what was gathered: now, or with everything else that the read at hand causes. */
  flushSoon(): void {
    if (this.#corked || this.#flushQueued) return;
    this.#flushQueued = true;
    queueMicrotask(() => {
      this.#flushQueued = false;
      this.flush();
    });
  }

  /** Sends what was gathered, now. */
  flush(): void {
    if (this.out.length > 0 && !this.socket.destroyed) this.socket.write(this.out.take());
  }

  /** Remembers a stream that waits for the connection's window. */
  block(stream: H2Stream): void {
    this.#blocked.add(stream);
  }

  /** Forgets a stream that is closed on both sides. */
  forget(stream: H2Stream): void {
    this.#streams.delete(stream.id);
    this.#blocked.delete(stream);
    this.#client?.changed();
  }

  #greet(): void {
    const settings = new Uint8Array(12);
    const view = new DataView(settings.buffer);
    if (this.#client === undefined) {
      view.setUint16(0, SETTING.MAX_CONCURRENT_STREAMS);
      view.setUint32(2, MAX_CONCURRENT_STREAMS);
    } else {
      this.#prefaceDone = true;
      this.out.raw(Buffer.from(PREFACE, "latin1"));
      view.setUint16(0, SETTING.ENABLE_PUSH);
      view.setUint32(2, 0);
    }
    view.setUint16(6, SETTING.INITIAL_WINDOW_SIZE);
    view.setUint32(8, STREAM_WINDOW);
    this.out.frame({ type: FRAME.SETTINGS, flags: 0, stream: 0 }, settings);
    this.out.number(
      { type: FRAME.WINDOW_UPDATE, flags: 0, stream: 0 },
      CONNECTION_WINDOW - DEFAULT_WINDOW,
    );
  }

  #drained(): void {
    for (const stream of this.#streams.values()) stream.wake();
  }

  #read(chunk: Uint8Array): void {
    let bytes = chunk;
    if (!this.#prefaceDone) {
      this.#preface = Buffer.concat([this.#preface, chunk]);
      const given = this.#preface.toString("latin1", 0, PREFACE.length);
      if (!PREFACE.startsWith(given)) {
        this.socket.end(NOT_HTTP2);
        return;
      }
      if (given.length < PREFACE.length) return;
      this.#prefaceDone = true;
      bytes = this.#preface.subarray(PREFACE.length);
    }
    this.#corked = true;
    try {
      const whole = this.#reader.push(bytes, (head, payload) => {
        const error = this.#frame(head, payload);
        if (error !== H2_ERROR.NO_ERROR) this.#fail(error);
        return !this.socket.destroyed && error === H2_ERROR.NO_ERROR;
      });
      if (!whole && !this.#goingAway) this.#fail(H2_ERROR.FRAME_SIZE_ERROR);
    } finally {
      this.#corked = false;
      this.flush();
    }
  }

  /** A connection error (section 5.4.1): say why, then close. */
  #fail(code: number): void {
    this.goAway(code);
    this.flush();
    this.socket.destroySoon();
  }

  /** Handles one frame; returns the error code that ends the connection, or NO_ERROR. */
  #frame(head: FrameHead, payload: Uint8Array): number {
    if (this.#block !== undefined && head.type !== FRAME.CONTINUATION) {
      return H2_ERROR.PROTOCOL_ERROR;
    }
    switch (head.type) {
      case FRAME.DATA:
        return this.#data(head, payload);
      case FRAME.HEADERS:
        return this.#headers(head, payload);
      case FRAME.CONTINUATION:
        return this.#continuation(head, payload);
      case FRAME.RST_STREAM:
        if (payload.length !== 4) return H2_ERROR.FRAME_SIZE_ERROR;
        this.#streams.get(head.stream)?.close(true, uint32(payload, 0));
        return H2_ERROR.NO_ERROR;
      case FRAME.SETTINGS:
        return this.#settings(head, payload);
      case FRAME.PING:
        if (payload.length !== 8) return H2_ERROR.FRAME_SIZE_ERROR;
        if ((head.flags & FLAG.ACK) === 0) {
          this.out.frame({ type: FRAME.PING, flags: FLAG.ACK, stream: 0 }, payload);
        }
        return H2_ERROR.NO_ERROR;
      case FRAME.WINDOW_UPDATE:
        return this.#windowUpdate(head, payload);
      case FRAME.PUSH_PROMISE:
        return H2_ERROR.PROTOCOL_ERROR;
      case FRAME.GOAWAY:
        return this.#client === undefined ? H2_ERROR.NO_ERROR : this.#goneAway(payload);
      default:
        // PRIORITY changes nothing here; unknown types are ignored (section 4.1).
        return H2_ERROR.NO_ERROR;
    }
  }

  #data(head: FrameHead, payload: Uint8Array): number {
    this.#uncredited += head.length;
    if (this.#uncredited > CONNECTION_WINDOW) return H2_ERROR.FLOW_CONTROL_ERROR;
    if (this.#uncredited >= CONNECTION_WINDOW / 2) {
      // A stream that nobody reads is held back by its own window, never by the others'.
      this.out.number({ type: FRAME.WINDOW_UPDATE, flags: 0, stream: 0 }, this.#uncredited);
      this.#uncredited = 0;
    }
    const content = unpadded(head, payload, 0);
    if (content === undefined) return H2_ERROR.PROTOCOL_ERROR;
    const stream = this.#streams.get(head.stream);
    if (stream === undefined) {
      return head.stream > this.#lastStream ? H2_ERROR.PROTOCOL_ERROR : H2_ERROR.NO_ERROR;
    }
    if (!stream.receive(content, head.length)) return H2_ERROR.FLOW_CONTROL_ERROR;
    if ((head.flags & FLAG.END_STREAM) !== 0) stream.receiveEnd();
    return H2_ERROR.NO_ERROR;
  }

  #headers(head: FrameHead, payload: Uint8Array): number {
    const block = unpadded(head, payload, (head.flags & FLAG.PRIORITY) === 0 ? 0 : 5);
    if (block === undefined || head.stream === 0) return H2_ERROR.PROTOCOL_ERROR;
    if ((head.flags & FLAG.END_HEADERS) !== 0) return this.#headersDone(head, block);
    // Copied: the payload is only ours until the next read.
    this.#block = {
      stream: head.stream,
      flags: head.flags,
      parts: [block.slice()],
      bytes: block.length,
    };
    return H2_ERROR.NO_ERROR;
  }

  #continuation(head: FrameHead, payload: Uint8Array): number {
    const block = this.#block;
    if (block === undefined || block.stream !== head.stream) return H2_ERROR.PROTOCOL_ERROR;
    block.parts.push(payload.slice());
    // Each frame counts at least something, or empty ones could go on for ever.
    block.bytes += payload.length + 1;
    if (block.bytes > MAX_BLOCK_BYTES) return H2_ERROR.ENHANCE_YOUR_CALM;
    if ((head.flags & FLAG.END_HEADERS) === 0) return H2_ERROR.NO_ERROR;
    this.#block = undefined;
    return this.#headersDone(block, Buffer.concat(block.parts));
  }

  #headersDone(
    { stream: id, flags }: { stream: number; flags: number },
    block: Uint8Array,
  ): number {
    let list: HeaderList;
    try {
      // Always, even for a stream that is gone: later blocks refer to this one.
      list = this.#hpack.decode(block);
    } catch {
      return H2_ERROR.COMPRESSION_ERROR;
    }
    const known = this.#streams.get(id);
    if (this.#client !== undefined) {
      if (known === undefined) {
        return id > this.#lastStream || id % 2 === 0 ? H2_ERROR.PROTOCOL_ERROR : H2_ERROR.NO_ERROR;
      }
      known.events?.headers?.(list);
      if ((flags & FLAG.END_STREAM) !== 0) known.receiveEnd();
      return H2_ERROR.NO_ERROR;
    }
    if (known !== undefined) {
      if ((flags & FLAG.END_STREAM) === 0) return H2_ERROR.PROTOCOL_ERROR;
      known.receiveEnd();
      return H2_ERROR.NO_ERROR;
    }
    if (id % 2 === 0) return H2_ERROR.PROTOCOL_ERROR;
    if (id <= this.#lastStream) return H2_ERROR.NO_ERROR;
    this.#lastStream = id;
    if (this.#goingAway || this.#streams.size >= MAX_CONCURRENT_STREAMS) {
      this.out.number(
        { type: FRAME.RST_STREAM, flags: 0, stream: id },
        H2_ERROR.REFUSED_STREAM,
      );
      return H2_ERROR.NO_ERROR;
    }
    const stream = new H2Stream(this, { id, headers: list });
    this.#streams.set(id, stream);
    this.#onStream(stream);
    if ((flags & FLAG.END_STREAM) !== 0) stream.receiveEnd();
    return H2_ERROR.NO_ERROR;
  }

  #settings(head: FrameHead, payload: Uint8Array): number {
    if ((head.flags & FLAG.ACK) !== 0) return H2_ERROR.NO_ERROR;
    if (payload.length % 6 !== 0) return H2_ERROR.FRAME_SIZE_ERROR;
    for (let at = 0; at < payload.length; at += 6) {
      const id = ((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0);
      const value = uint32(payload, at + 2);
      if (id === SETTING.INITIAL_WINDOW_SIZE) {
        if (value > MAX_WINDOW) return H2_ERROR.FLOW_CONTROL_ERROR;
        // Section 6.9.2: open streams get the difference, which may be negative.
        for (const stream of this.#streams.values()) stream.grant(value - this.peerStreamWindow);
        this.peerStreamWindow = value;
      } else if (id === SETTING.MAX_CONCURRENT_STREAMS) {
        this.peerMaxStreams = value;
      } else if (id === SETTING.MAX_FRAME_SIZE) {
        if (value < MAX_FRAME_BYTES || value > 2 ** 24 - 1) return H2_ERROR.PROTOCOL_ERROR;
        this.peerMaxFrame = value;
      }
    }
    this.out.frame({ type: FRAME.SETTINGS, flags: FLAG.ACK, stream: 0 }, new Uint8Array(0));
    this.#client?.changed();
    return H2_ERROR.NO_ERROR;
  }

  /** The server takes no more streams, and never saw those above the one it names (section 6.8). */
  #goneAway(payload: Uint8Array): number {
    if (payload.length < 8) return H2_ERROR.FRAME_SIZE_ERROR;
    this.#goingAway = true;
    const last = uint32(payload, 0) & MAX_WINDOW;
    for (const stream of [...this.#streams.values()]) {
      if (stream.id > last) stream.close(true, H2_ERROR.REFUSED_STREAM);
    }
    this.#client?.changed();
    return H2_ERROR.NO_ERROR;
  }

  #windowUpdate(head: FrameHead, payload: Uint8Array): number {
    if (payload.length !== 4) return H2_ERROR.FRAME_SIZE_ERROR;
    const increment = uint32(payload, 0) & MAX_WINDOW;
    if (head.stream !== 0) {
      this.#streams.get(head.stream)?.grant(increment);
      return H2_ERROR.NO_ERROR;
    }
    if (increment === 0) return H2_ERROR.PROTOCOL_ERROR;
    if (this.sendWindow + increment > MAX_WINDOW) return H2_ERROR.FLOW_CONTROL_ERROR;
    this.sendWindow += increment;
    const blocked = [...this.#blocked];
    this.#blocked.clear();
    for (const stream of blocked) stream.pump();
    return H2_ERROR.NO_ERROR;
  }
}

/**
 * One side of one HTTP/2 connection: https://www.rfc-editor.org/rfc/rfc9113
 *
 * Only what gRPC and the mock need: no push, no priorities, header blocks without state. Everything that one read
 * causes leaves in one write, which is where the speed comes from. What a peer may cost is counted (`Budget`).
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { Budget, COST } from "./budget.ts";
import type { Carried, Carrier } from "./carrier.ts";
import type { Ending } from "./closed_streams.ts";
import { headError, type Violation, violation } from "./frame_rules.ts";
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
} from "./frames.ts";
import { MAX_LIST_BYTES } from "./hpack.ts";
import { readSettings } from "./settings.ts";
import type { H2Stream, StreamEvents } from "./stream.ts";
import {
  type ClientSide,
  MAX_CONCURRENT_STREAMS,
  type ServerSide,
  StreamTable,
} from "./stream_table.ts";
import { pauseReading, yieldTurn } from "./turn.ts";

/** Receive window per connection, bytes: sixteen streams at full window do not wait for each other. */
const CONNECTION_WINDOW = 16 * 1024 * 1024;

/** Bytes written that the peer has not read, above which this side reads no more. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** How long a peer gets to read why its connection ends, ms. */
const LINGER_MS = 1000;

/** Answer to a browser or curl without HTTP/2. */
const NOT_HTTP2 =
  "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n" +
  "This port speaks gRPC: HTTP/2 with prior knowledge\n";

const NOTHING = new Uint8Array(0);

/** One connection. A server's reports each new stream, a client's opens them; the rest stays inside. */
export class H2Connection implements Carrier {
  readonly socket: Socket;
  /** The window that the peer grants each new stream. */
  peerStreamWindow = DEFAULT_WINDOW;
  /** The longest payload that the peer takes. */
  peerMaxFrame = MAX_FRAME_BYTES;
  /** Bytes that may still be sent on the whole connection. */
  sendWindow = DEFAULT_WINDOW;
  /** Streams that the peer lets be open at once. */
  peerMaxStreams = Infinity;
  /** Frames to send. */
  readonly out = new FrameWriter();
  /** Budget of the peer. */
  readonly budget: Budget;
  readonly #streams: StreamTable;
  readonly #blocked = new Set<Carried>();
  readonly #reader = new FrameReader();
  readonly #server: ServerSide | undefined;
  readonly #client: ClientSide | undefined;
  #preface = Buffer.alloc(0);
  #prefaceDone = false;
  #settled = false;
  #uncredited = 0;
  #goingAway = false;
  #failed = false;
  /** Why the connection has to end after the frame at hand. */
  #overdrawn: Violation | undefined;
  #corked = false;
  #flushQueued = false;
  #lingering: ReturnType<typeof setTimeout> | undefined;

  /** Starts on a socket that is connected. */
  constructor(socket: Socket, side: ServerSide | ClientSide) {
    this.socket = socket;
    this.#server = "stream" in side ? side : undefined;
    this.#client = "changed" in side ? side : undefined;
    this.budget = new Budget(this.#server?.maxHeldBytes);
    this.#streams = new StreamTable(this, side);
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => this.#read(chunk));
    socket.on("error", () => {});
    socket.on("drain", () => this.#drained());
    socket.once("close", () => {
      clearTimeout(this.#lingering);
      for (const stream of this.#streams.all()) stream.close(true);
    });
    this.#greet();
  }

  /** Streams that are open. */
  get open(): number {
    return this.#streams.size;
  }

  /** Whether another stream can be opened here now; only a client's can. */
  get takesMore(): boolean {
    return !this.retired && this.#streams.size < this.peerMaxStreams;
  }

  /** Whether no further stream will ever be opened here. */
  get retired(): boolean {
    return this.#goingAway || this.socket.destroyed;
  }

  /** Opens a stream, as a client: its request's header block goes out with the next write. */
  openStream(block: Uint8Array, events: StreamEvents): H2Stream {
    const stream = this.#streams.open(events);
    stream.sendHeaders(block, false);
    return stream;
  }

  /** Tells the peer to open no more streams here, and why; those that run go on. */
  goAway(
    code: number = H2_ERROR.NO_ERROR,
    lastStream: number = this.#streams.last,
    why = "",
  ): void {
    this.#goingAway = true;
    const payload = Buffer.alloc(8 + why.length);
    payload.writeUInt32BE(lastStream);
    payload.writeUInt32BE(code, 4);
    payload.write(why, 8, "latin1");
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
    const { socket } = this;
    if (this.out.length === 0 || socket.destroyed) return;
    // Who does not read answers, acknowledgements among them, gets no more of them.
    const isFull = !socket.write(this.out.take());
    if (isFull && socket.writableLength > MAX_UNREAD_BYTES) pauseReading(socket);
  }

  /** Remembers a stream that waits for the connection's window. */
  block(stream: Carried): void {
    this.#blocked.add(stream);
  }

  /** Forgets a stream that is closed on both sides. */
  forget(stream: Carried, ending: Ending): void {
    this.#streams.forget(stream, ending);
    this.#blocked.delete(stream);
    this.#client?.changed();
  }

  /** Charges the peer's budget; the connection ends when it is used up. */
  charge(points: number): void {
    if (this.#server === undefined || this.budget.spend(points)) return;
    this.#overdrawn ??= violation("ENHANCE_YOUR_CALM", "too many frames that ask for nothing");
  }

  /** Counts bytes that this process holds for the peer, or has let go when negative. */
  hold(bytes: number): void {
    if (this.budget.hold(bytes) || this.#server === undefined) return;
    this.#overdrawn ??= violation("ENHANCE_YOUR_CALM", "too many bytes held for this connection");
  }

  #greet(): void {
    const settings: [id: number, value: number][] = [[SETTING.INITIAL_WINDOW_SIZE, STREAM_WINDOW]];
    if (this.#client === undefined) {
      settings.push([SETTING.MAX_CONCURRENT_STREAMS, MAX_CONCURRENT_STREAMS]);
      settings.push([SETTING.MAX_HEADER_LIST_SIZE, MAX_LIST_BYTES]);
    } else {
      this.#prefaceDone = true;
      this.out.raw(Buffer.from(PREFACE, "latin1"));
      settings.push([SETTING.ENABLE_PUSH, 0]);
    }
    const payload = Buffer.alloc(settings.length * 6);
    for (const [i, [id, value]] of settings.entries()) {
      payload.writeUInt16BE(id, i * 6);
      payload.writeUInt32BE(value, i * 6 + 2);
    }
    this.out.frame({ type: FRAME.SETTINGS, flags: 0, stream: 0 }, payload);
    this.out.number(
      { type: FRAME.WINDOW_UPDATE, flags: 0, stream: 0 },
      CONNECTION_WINDOW - DEFAULT_WINDOW,
    );
  }

  #drained(): void {
    this.#resume();
    for (const stream of this.#streams.all()) stream.wake();
  }

  /** Reads on, unless the peer does not read. */
  readonly #resume = () => {
    const { socket } = this;
    if (socket.isPaused() && socket.writableLength <= MAX_UNREAD_BYTES) socket.resume();
  };

  #read(chunk: Uint8Array): void {
    // After an error the rest is read and dropped: a reset would take the reason along.
    if (this.#failed) return;
    const bytes = this.#prefaceDone ? chunk : this.#readPreface(chunk);
    if (bytes === undefined) return;
    this.#corked = true;
    try {
      const whole = this.#reader.push(bytes, this.#take);
      if (!whole && !this.#failed && !this.socket.destroyed) {
        this.#fail(violation("FRAME_SIZE_ERROR", `frame above ${MAX_FRAME_BYTES} bytes`));
      }
      this.#streams.readDone();
    } finally {
      this.#corked = false;
      this.flush();
      yieldTurn(this.socket, this.#resume);
    }
  }

  /** Reads bytes of the preface; returns what follows it, or undefined while it is not whole or wrong. */
  #readPreface(chunk: Uint8Array): Uint8Array | undefined {
    this.#preface = Buffer.concat([this.#preface, chunk]);
    const given = this.#preface.toString("latin1", 0, PREFACE.length);
    if (!PREFACE.startsWith(given)) {
      // Section 3.4: whoever begins otherwise does not speak HTTP/2; a browser or curl can be told.
      if (/^[A-Z]+ [/*h]/.test(given)) {
        this.#failed = true;
        this.socket.end(NOT_HTTP2);
      } else this.#fail(violation("PROTOCOL_ERROR", "this is not the preface of HTTP/2"));
      return undefined;
    }
    if (given.length < PREFACE.length) return undefined;
    this.#prefaceDone = true;
    return this.#preface.subarray(PREFACE.length);
  }

  readonly #take = (head: FrameHead, payload: Uint8Array): boolean => {
    const broken = headError(head) ?? this.#frame(head, payload) ?? this.#overdrawn;
    if (broken !== undefined) this.#fail(broken);
    return broken === undefined && !this.socket.destroyed;
  };

  /** A connection error (section 5.4.1): says why, then closes. */
  #fail({ code, why }: Violation): void {
    this.#failed = true;
    this.#server?.failed?.(why);
    this.goAway(code, this.#streams.last, why);
    this.flush();
    for (const stream of this.#streams.all()) stream.close(true);
    const { socket } = this;
    socket.end();
    if (socket.destroyed) return;
    // A peer that reads nothing would keep the connection for ever.
    this.#lingering ??= setTimeout(() => socket.destroy(), LINGER_MS);
    socket.resume();
  }

  /** Handles one frame whose head is in order; returns the rule that it breaks. */
  #frame(head: FrameHead, payload: Uint8Array): Violation | undefined {
    if (this.#streams.inBlock && head.type !== FRAME.CONTINUATION) {
      return violation("PROTOCOL_ERROR", "a frame within a header block");
    }
    if (!this.#settled && head.type !== FRAME.SETTINGS) {
      return violation("PROTOCOL_ERROR", "the first frame is no SETTINGS");
    }
    switch (head.type) {
      case FRAME.DATA:
        return this.#credit(head.length) ?? this.#streams.data(head, payload);
      case FRAME.HEADERS:
        return this.#streams.headers(head, payload);
      case FRAME.CONTINUATION:
        return this.#streams.continuation(head, payload);
      case FRAME.RST_STREAM:
        return this.#streams.reset(head, payload);
      case FRAME.SETTINGS:
        return this.#settings(head, payload);
      case FRAME.PING:
        this.charge(COST.ping);
        if ((head.flags & FLAG.ACK) === 0) {
          this.out.frame({ type: FRAME.PING, flags: FLAG.ACK, stream: 0 }, payload);
        }
        return undefined;
      case FRAME.WINDOW_UPDATE:
        return this.#windowUpdate(head, payload);
      case FRAME.PUSH_PROMISE:
        return violation("PROTOCOL_ERROR", "PUSH_PROMISE, which nobody asked for");
      case FRAME.GOAWAY:
        if (this.#client !== undefined) this.#goneAway(payload);
        return undefined;
      default:
        // PRIORITY changes nothing here; unknown types are ignored (section 4.1).
        this.charge(COST.other);
        return undefined;
    }
  }

  /** Counts DATA that came, and opens the connection's window again. */
  #credit(bytes: number): Violation | undefined {
    this.#uncredited += bytes;
    if (this.#uncredited > CONNECTION_WINDOW) {
      return violation("FLOW_CONTROL_ERROR", "DATA beyond the connection's window");
    }
    if (this.#uncredited >= CONNECTION_WINDOW / 2) {
      // A stream that nobody reads is held back by its own window, never by the others'.
      this.out.number({ type: FRAME.WINDOW_UPDATE, flags: 0, stream: 0 }, this.#uncredited);
      this.#uncredited = 0;
    }
    return undefined;
  }

  #settings(head: FrameHead, payload: Uint8Array): Violation | undefined {
    this.#settled = true;
    this.charge(COST.settings);
    if ((head.flags & FLAG.ACK) !== 0) {
      return payload.length === 0
        ? undefined
        : violation("FRAME_SIZE_ERROR", "an acknowledgement with a payload");
    }
    const before = this.peerStreamWindow;
    const broken = readSettings(payload, (id, value) => {
      if (id === SETTING.MAX_CONCURRENT_STREAMS) this.peerMaxStreams = value;
      else if (id === SETTING.MAX_FRAME_SIZE) this.peerMaxFrame = value;
      else if (id === SETTING.INITIAL_WINDOW_SIZE) this.peerStreamWindow = value;
    });
    if (broken !== undefined) return broken;
    this.out.frame({ type: FRAME.SETTINGS, flags: FLAG.ACK, stream: 0 }, NOTHING);
    this.#client?.changed();
    // Section 6.9.2: open streams get the difference, which may be negative.
    const more = this.peerStreamWindow - before;
    if (more === 0) return undefined;
    const fits = this.#streams.all().every((stream) => stream.grant(more));
    return fits ? undefined : violation("FLOW_CONTROL_ERROR", "a window above 2^31-1");
  }

  /** The server takes no more streams, and never saw those above the one it names (section 6.8). */
  #goneAway(payload: Uint8Array): void {
    this.#goingAway = true;
    const last = uint32(payload, 0) & MAX_WINDOW;
    for (const stream of this.#streams.all()) {
      if (stream.id > last) stream.close(true, H2_ERROR.REFUSED_STREAM);
    }
    this.#client?.changed();
  }

  #windowUpdate(head: FrameHead, payload: Uint8Array): Violation | undefined {
    this.charge(COST.other);
    const increment = uint32(payload, 0) & MAX_WINDOW;
    if (head.stream !== 0) return this.#streams.windowUpdate(head.stream, increment);
    if (increment === 0) return violation("PROTOCOL_ERROR", "a window that grows by 0");
    if (this.sendWindow + increment > MAX_WINDOW) {
      return violation("FLOW_CONTROL_ERROR", "a window above 2^31-1");
    }
    this.sendWindow += increment;
    const blocked = [...this.#blocked];
    this.#blocked.clear();
    for (const stream of blocked) stream.pump();
    return undefined;
  }
}

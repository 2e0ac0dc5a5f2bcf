/** The streams of one connection and their states (RFC 9113, section 5.1), which frames may come in each. */
import { COST, HEADER_WEIGHT, STREAM_BYTES, TINY_BYTES } from "./budget.ts";
import type { Carried, Carrier } from "./carrier.ts";
import { ClosedStreams, type Ending } from "./closed_streams.ts";
import { requestFields, responseError, trailersError } from "./field_rules.ts";
import { type Violation, violation } from "./frame_rules.ts";
import { FLAG, FRAME, type FrameHead, H2_ERROR, uint32, unpadded } from "./frames.ts";
import { HeaderBlock } from "./header_block.ts";
import { type HeaderList, HpackDecoder, ListTooLong, MAX_LIST_BYTES } from "./hpack.ts";
import { H2Stream, type StreamEvents } from "./stream.ts";

/** Streams that a peer may have open: some 50 MB of them. Envoy opens another connection when it needs more. */
export const MAX_CONCURRENT_STREAMS = 5_000;

const NOTHING = new Uint8Array(0);

/** Events of a connection for a server. */
export interface ServerSide {
  /** Bytes that the peer may make this process hold; 48 MiB when left out. */
  readonly maxHeldBytes?: number;
  /** A request came whose head is well-formed. */
  stream(stream: H2Stream): void;
  /** A request came that breaks a rule of its own; its stream is reset. */
  malformed?(headers: HeaderList, why: string): void;
  /** The peer broke a rule of the connection, which ends. */
  failed?(why: string): void;
}

/** Events of a connection for a client. */
export interface ClientSide {
  /** More streams can be opened here, or none any more. */
  changed(): void;
}

/** Streams by number. A method that takes a frame returns the rule by which the connection has to end. */
export class StreamTable {
  /** The highest number that was opened. */
  last = 0;
  readonly #connection: Carrier;
  readonly #server: ServerSide | undefined;
  readonly #client: ClientSide | undefined;
  readonly #streams = new Map<number, H2Stream>();
  readonly #closed = new ClosedStreams();
  readonly #hpack = new HpackDecoder();
  #block: HeaderBlock | undefined;
  /** Streams opened by the read at hand. */
  #fresh: H2Stream[] = [];

  constructor(connection: Carrier, side: ServerSide | ClientSide) {
    this.#connection = connection;
    this.#server = "stream" in side ? side : undefined;
    this.#client = "changed" in side ? side : undefined;
  }

  /** Streams that are open. */
  get size(): number {
    return this.#streams.size;
  }

  /** Whether a header block has begun that is not whole: nothing may come between. */
  get inBlock(): boolean {
    return this.#block !== undefined;
  }

  /** The streams that are open, while others may be closed. */
  all(): H2Stream[] {
    return [...this.#streams.values()];
  }

  /** Opens a stream, as a client. */
  open(events: StreamEvents): H2Stream {
    this.last = this.last === 0 ? 1 : this.last + 2;
    const stream = new H2Stream(this.#connection, { id: this.last, headers: [] });
    stream.events = events;
    this.#streams.set(stream.id, stream);
    return stream;
  }

  /** Forgets a stream that is closed on both sides. */
  forget({ id }: Carried, ending: Ending): void {
    this.#streams.delete(id);
    this.#closed.add(id, ending);
  }

  /** Tells the streams that this read opened, and that are still open, that no more of it will come. */
  readDone(): void {
    if (this.#fresh.length === 0) return;
    const fresh = this.#fresh;
    this.#fresh = [];
    for (const stream of fresh) if (!stream.closed) stream.events?.pending?.();
  }

  /** DATA; the connection's window was looked at before. */
  data(head: FrameHead, payload: Uint8Array): Violation | undefined {
    const content = unpadded(head, payload);
    if (content === undefined) return violation("PROTOCOL_ERROR", "padding longer than the frame");
    const last = (head.flags & FLAG.END_STREAM) !== 0;
    if (!last && content.length < TINY_BYTES) {
      this.#connection.charge(content.length === 0 ? COST.empty : COST.tiny);
    }
    const stream = this.#streams.get(head.stream);
    if (stream === undefined) return this.#late(head);
    if (stream.remoteEnded) {
      this.#refuse(stream, H2_ERROR.STREAM_CLOSED, "DATA behind the end of the request");
      return undefined;
    }
    if (!stream.takes(head.length)) {
      return violation("FLOW_CONTROL_ERROR", "DATA beyond the stream's window");
    }
    const wrong = stream.receive(content, head.length, last);
    if (wrong !== undefined) this.#refuse(stream, H2_ERROR.PROTOCOL_ERROR, wrong);
    else if (last) stream.receiveEnd();
    return undefined;
  }

  /** DATA or HEADERS on a stream that is not open (section 5.1). */
  #late({ stream: id, type }: FrameHead): Violation | undefined {
    if (this.#isIdle(id)) return violation("PROTOCOL_ERROR", "a frame on a stream that never was");
    this.#connection.charge(COST.late);
    const ending = this.#closed.of(id);
    if (type === FRAME.HEADERS && ending === undefined && this.#client === undefined) {
      return violation("PROTOCOL_ERROR", "a new stream with the number of an old one");
    }
    if (type === FRAME.HEADERS && ending === "ended") {
      return violation("STREAM_CLOSED", "HEADERS on a stream that has ended");
    }
    // What was under way when this side reset the stream is nobody's fault.
    if (ending === "ended" || ending === "reset by the peer") {
      this.#sendReset(id, H2_ERROR.STREAM_CLOSED);
    }
    return undefined;
  }

  #isIdle(id: number): boolean {
    return id > this.last || id % 2 === 0;
  }

  /** Ends a stream for what the peer did on it (section 5.4.2). */
  #refuse(stream: H2Stream, code: number, why: string): void {
    this.#connection.charge(COST.reset);
    stream.events?.malformed?.(why);
    stream.reset(code);
  }

  #sendReset(id: number, code: number): void {
    this.#connection.charge(COST.reset);
    this.#connection.out.number({ type: FRAME.RST_STREAM, flags: 0, stream: id }, code);
    this.#closed.add(id, "reset here");
  }

  /** HEADERS, with or without the whole block. */
  headers(head: FrameHead, payload: Uint8Array): Violation | undefined {
    const block = unpadded(head, payload);
    if (block === undefined) return violation("PROTOCOL_ERROR", "padding longer than the frame");
    if ((head.flags & FLAG.END_HEADERS) !== 0) return this.#headersDone(head, block);
    this.#block = new HeaderBlock(head, block);
    return undefined;
  }

  /** CONTINUATION: more of the block that has begun. */
  continuation(head: FrameHead, payload: Uint8Array): Violation | undefined {
    const block = this.#block;
    if (block === undefined) return violation("PROTOCOL_ERROR", "CONTINUATION behind no HEADERS");
    this.#connection.charge(COST.continuation);
    const whole = block.push(head, payload);
    if (!(whole instanceof Uint8Array)) return whole;
    this.#block = undefined;
    return this.#headersDone({ ...head, flags: block.flags, type: FRAME.HEADERS }, whole);
  }

  #headersDone(head: FrameHead, block: Uint8Array): Violation | undefined {
    let list: HeaderList;
    try {
      // Always, even for a stream that is gone: later blocks refer to this one.
      list = this.#hpack.decode(block);
    } catch (error) {
      return error instanceof ListTooLong
        ? violation("ENHANCE_YOUR_CALM", `header list above ${MAX_LIST_BYTES} bytes`)
        : violation("COMPRESSION_ERROR", "a header block that cannot be decoded");
    }
    const last = (head.flags & FLAG.END_STREAM) !== 0;
    const known = this.#streams.get(head.stream);
    if (known !== undefined) {
      if (this.#client === undefined) this.#trailers(known, list, last);
      else this.#answer(known, list, last);
      return undefined;
    }
    if (this.#client !== undefined || head.stream <= this.last || head.stream % 2 === 0) {
      return this.#late(head);
    }
    this.last = head.stream;
    this.#opened(head.stream, list, last);
    return undefined;
  }

  #opened(id: number, list: HeaderList, last: boolean): void {
    if (this.#connection.retired || this.#streams.size >= MAX_CONCURRENT_STREAMS) {
      return this.#sendReset(id, H2_ERROR.REFUSED_STREAM);
    }
    const { malformed, contentLength } = requestFields(list);
    if (malformed !== undefined) {
      this.#server?.malformed?.(list, malformed);
      return this.#sendReset(id, H2_ERROR.PROTOCOL_ERROR);
    }
    const held = STREAM_BYTES + HEADER_WEIGHT * this.#hpack.listBytes;
    const stream = new H2Stream(this.#connection, { id, headers: list, contentLength, held });
    this.#streams.set(id, stream);
    this.#fresh.push(stream);
    this.#server?.stream(stream);
    if (last && !stream.closed) this.#end(stream);
  }

  /** A header block on a stream that is open: only trailers can be. */
  #trailers(stream: H2Stream, list: HeaderList, last: boolean): void {
    if (stream.remoteEnded) {
      return this.#refuse(
        stream,
        H2_ERROR.STREAM_CLOSED,
        "HEADERS behind the end of the request",
      );
    }
    const wrong = last ? trailersError(list) : "trailers that do not end the request";
    if (wrong !== undefined) this.#refuse(stream, H2_ERROR.PROTOCOL_ERROR, wrong);
    else this.#end(stream);
  }

  #answer(stream: H2Stream, list: HeaderList, last: boolean): void {
    const wrong = stream.answered ? trailersError(list) : responseError(list);
    if (stream.remoteEnded) this.#refuse(stream, H2_ERROR.STREAM_CLOSED, "HEADERS behind the end");
    else if (wrong !== undefined) this.#refuse(stream, H2_ERROR.PROTOCOL_ERROR, wrong);
    else {
      stream.answer(list);
      if (last) stream.receiveEnd();
    }
  }

  /** The peer ended its side: a body shorter than it said is malformed (section 8.1.1). */
  #end(stream: H2Stream): void {
    const wrong = stream.receive(NOTHING, 0, true);
    if (wrong === undefined) stream.receiveEnd();
    else this.#refuse(stream, H2_ERROR.PROTOCOL_ERROR, wrong);
  }

  /** RST_STREAM. */
  reset(head: FrameHead, payload: Uint8Array): Violation | undefined {
    if (this.#isIdle(head.stream)) {
      return violation("PROTOCOL_ERROR", "RST_STREAM on a stream that never was");
    }
    this.#connection.charge(COST.reset);
    this.#streams.get(head.stream)?.close(true, uint32(payload, 0));
    return undefined;
  }

  /** WINDOW_UPDATE on a stream. */
  windowUpdate(id: number, increment: number): Violation | undefined {
    if (this.#isIdle(id)) {
      return violation("PROTOCOL_ERROR", "WINDOW_UPDATE on a stream that never was");
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return undefined;
    if (increment === 0) this.#refuse(stream, H2_ERROR.PROTOCOL_ERROR, "a window that grows by 0");
    else if (!stream.grant(increment)) {
      this.#refuse(stream, H2_ERROR.FLOW_CONTROL_ERROR, "a window above 2^31-1");
    }
    return undefined;
  }
}

/** The HTTP/3 client of the suite. */
import { Buffer } from "node:buffer";
import net from "node:net";
import { messageOf, now, UnavailableError, withDeadline } from "../../service/mod.ts";
import type { HeaderList, WaitOptions, WayIn } from "../target.ts";
import { NotJudged } from "../verdict/verdict.ts";
import { type Address, addressOf, CONNECT_MS } from "./address.ts";
import type { Connection, ConnectOptions } from "./connection.ts";
import { Exchange, type ExchangeDriver, type RequestSpec } from "./exchange.ts";
import { frame, FrameReader, H3_FRAME, H3FrameError, readVarint, varint } from "./h3_frames.ts";
import { decodeFields, encodeFields } from "./qpack.ts";
import type { End } from "./transcript.ts";
import { dressed } from "./way_in.ts";

/** Types of unidirectional streams (RFC 9114 section 6.2, RFC 9204 section 4.2). */
const STREAM = { control: 0x0, push: 0x1, encoder: 0x2, decoder: 0x3 } as const;

/** Error codes by number (RFC 9114 section 8.1, RFC 9204 section 6). */
const ERROR_NAMES: Readonly<Record<number, string>> = {
  0x100: "H3_NO_ERROR",
  0x101: "H3_GENERAL_PROTOCOL_ERROR",
  0x102: "H3_INTERNAL_ERROR",
  0x103: "H3_STREAM_CREATION_ERROR",
  0x104: "H3_CLOSED_CRITICAL_STREAM",
  0x105: "H3_FRAME_UNEXPECTED",
  0x106: "H3_FRAME_ERROR",
  0x107: "H3_EXCESSIVE_LOAD",
  0x108: "H3_ID_ERROR",
  0x109: "H3_SETTINGS_ERROR",
  0x10a: "H3_MISSING_SETTINGS",
  0x10b: "H3_REQUEST_REJECTED",
  0x10c: "H3_REQUEST_CANCELLED",
  0x10d: "H3_REQUEST_INCOMPLETE",
  0x10e: "H3_MESSAGE_ERROR",
  0x10f: "H3_CONNECT_ERROR",
  0x110: "H3_VERSION_FALLBACK",
  0x200: "QPACK_DECOMPRESSION_FAILED",
  0x201: "QPACK_ENCODER_STREAM_ERROR",
  0x202: "QPACK_DECODER_STREAM_ERROR",
};

const NO_ERROR = 0x100;
const GENERAL_PROTOCOL_ERROR = 0x101;
const REQUEST_CANCELLED = 0x10c;

/**
 * Silence on a connection that we bear, milliseconds: far beyond any case, which has a deadline of its
 * own. The peer's own limit holds nevertheless (RFC 9000 section 10.1).
 */
const IDLE_MS = 600_000;

/** Headers that HTTP/3 forbids (RFC 9114 section 4.2): the HTTP/1.1 framing of a spec. */
const CONNECTION_HEADERS = new Set(["host", "connection", "transfer-encoding", "keep-alive"]);

/** State of the response stream of a request. */
type Phase = "head" | "body" | "trailers";

/**
 * An HTTP/3 connection (RFC 9114) on Deno's QUIC: whatever bytes a case wants in a header are sent,
 * and each piece of a body is seen when it comes. It uses no dynamic table of QPACK and takes no
 * push.
 */
export class H3Connection implements Connection {
  readonly protocol = "h3";
  readonly #address: Address;
  readonly #wait: WaitOptions;
  readonly #wayIn: WayIn;
  readonly #conn: Deno.QuicConn;
  /** Kept: Deno ends a stream that is collected, and a peer breaks off without our control stream. */
  readonly #control: WritableStreamDefaultWriter<Uint8Array>;
  readonly #open = new Set<Exchange>();
  readonly #over: Promise<void>;
  /** Set by whoever finds the connection broken first; what is open then ended by it. */
  #broken: End | undefined;
  #closing = false;

  private constructor(
    { conn, control }: {
      conn: Deno.QuicConn;
      control: WritableStreamDefaultWriter<Uint8Array>;
    },
    address: Address,
    { wait, wayIn }: { wait: WaitOptions; wayIn: WayIn },
  ) {
    this.#conn = conn;
    this.#control = control;
    this.#address = address;
    this.#wait = wait;
    this.#wayIn = wayIn;
    const listening = this.#listen();
    const ended = (detail: string) =>
      this.#end({ kind: "goaway", at: now(), detail: `connection closed: ${detail}`.trim() });
    this.#over = conn.closed.then(
      ({ closeCode, reason }) => ended(`${ERROR_NAMES[closeCode] ?? closeCode} ${reason}`),
      (error) => ended(messageOf(error)),
    ).then(() => listening);
  }

  /**
   * Connects to the target and sends our settings: none, so that QPACK's dynamic table has no room.
   *
   * @throws {UnavailableError} when nobody answers there
   * @throws {NotJudged} where this runtime has no QUIC
   */
  static async open(url: string, options: ConnectOptions = {}): Promise<H3Connection> {
    if (typeof Deno.connectQuic !== "function") {
      throw new NotJudged(
        "not-measured",
        "This Deno has no QUIC client: run it with --unstable-net",
      );
    }
    const { ca, wayIn = {}, ...wait } = options;
    const address = addressOf(url, wayIn.host);
    const { host: hostname, port } = address;
    // The default endpoint is bound to "::", which a machine without IPv6 does not have.
    const endpoint = new Deno.QuicEndpoint(net.isIPv4(hostname) ? { hostname: "0.0.0.0" } : {});
    try {
      const connecting = Deno.connectQuic<false>({
        ...{ hostname, port, endpoint, alpnProtocols: ["h3"], maxIdleTimeout: IDLE_MS },
        ...(ca !== undefined && { caCerts: [ca] }),
      });
      const what = `Connect to "${hostname}:${port}" by QUIC`;
      const conn = await withDeadline(connecting, CONNECT_MS, what, wait.signal);
      const control = (await conn.createUnidirectionalStream()).getWriter();
      await control.write(Buffer.concat([
        varint(STREAM.control),
        frame(H3_FRAME.settings, new Uint8Array(0)),
      ]));
      return new H3Connection({ conn, control }, address, { wait, wayIn });
    } catch (error) {
      endpoint.close();
      if (wait.signal?.aborted) throw error;
      throw new UnavailableError(
        `Cannot connect to "${hostname}:${port}" by QUIC: ${messageOf(error)}`,
      );
    }
  }

  get closed(): Promise<void> {
    return this.#over;
  }

  request(asked: RequestSpec): Exchange {
    const spec = dressed(asked, this.#wayIn);
    const host = spec.headers.find(([name]) => name.toLowerCase() === "host")?.[1];
    const fields: HeaderList = [
      [":method", spec.method],
      [":scheme", "https"],
      [":authority", host ?? this.#address.authority],
      [":path", this.#address.prefix + spec.path],
      ...spec.headers
        .map(([name, value]): [string, string] => [name.toLowerCase(), value])
        .filter(([name]) => !CONNECTION_HEADERS.has(name)),
    ];
    const stream = this.#conn.createBidirectionalStream({ waitUntilAvailable: true });
    const request = new RequestStream(stream, () => this.#close(REQUEST_CANCELLED));
    const exchange = new Exchange("h3", spec, { driver: request, wait: this.#wait });
    this.#open.add(exchange);
    void request.send(frame(H3_FRAME.headers, encodeFields(fields)));
    if (spec.body !== undefined && !spec.manual) {
      void request.write(Buffer.from(spec.body as string));
    }
    if (!spec.manual) void request.finish();
    void this.#read(request, exchange);
    return exchange;
  }

  close(): void {
    this.#end({ kind: "aborted", at: now(), detail: "connection closed by us" });
    this.#close(NO_ERROR);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#over;
  }

  /** Reads one response to its end. Never rejects. */
  async #read(request: RequestStream, exchange: Exchange): Promise<void> {
    let phase: Phase = "head";
    let trailers: HeaderList = [];
    const reader = new FrameReader({
      data: (bytes) => {
        if (phase !== "body") throw new H3FrameError(`DATA in place of the ${phase}`);
        exchange.onBody(bytes);
      },
      frame: (type, payload) => {
        if (type !== H3_FRAME.headers) {
          if (isOfControl(type)) throw new H3FrameError(`a frame of type ${type} on a request`);
          return;
        }
        if (phase === "trailers") throw new H3FrameError("HEADERS after the trailers");
        const fields = decodeFields(payload);
        const headers = fields.filter(([name]) => !name.startsWith(":"));
        if (phase === "body") {
          [phase, trailers] = ["trailers", headers];
          return;
        }
        const status = Number(fields.find(([name]) => name === ":status")?.[1] ?? Number.NaN);
        if (!Number.isInteger(status)) throw new H3FrameError("a response without :status");
        if (status < 200) return exchange.onInformational(status, "", headers);
        phase = "body";
        exchange.onHead(status, "", headers, "data");
      },
    });
    try {
      for await (const bytes of request.pieces()) reader.push(bytes);
      reader.finish();
      if (phase === "head") throw new H3FrameError("a response without a head");
      exchange.onComplete(trailers);
    } catch (error) {
      const end = this.#broken ?? endOf(error);
      exchange.ends(end);
      if (end.kind === "malformed") this.#close(GENERAL_PROTOCOL_ERROR);
    } finally {
      this.#open.delete(exchange);
    }
  }

  /** Reads the streams that the peer opens: its settings, its GOAWAY, its QPACK streams. */
  async #listen(): Promise<void> {
    const streams: Promise<void>[] = [];
    try {
      for await (const stream of this.#conn.incomingUnidirectionalStreams) {
        streams.push(this.#hear(stream));
      }
    } catch {
      // The connection is over: `closed` says how.
    }
    await Promise.all(streams);
  }

  async #hear(stream: Deno.QuicReceiveStream): Promise<void> {
    try {
      const reader = new PeerStream();
      for await (const bytes of stream) reader.push(bytes);
      if (reader.critical) throw new H3FrameError("a closed control stream");
    } catch (error) {
      // Not what the peer said, but that the connection is gone.
      if (!(error instanceof H3FrameError)) return;
      this.#end({ kind: "malformed", at: now(), detail: error.message });
      this.#close(GENERAL_PROTOCOL_ERROR);
    }
  }

  #close(closeCode: number): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#conn.close({ closeCode, reason: "" });
    this.#control.closed.catch(() => {});
    this.#conn.endpoint.close();
  }

  #end(end: End): void {
    this.#broken ??= end;
    for (const exchange of this.#open) exchange.ends(this.#broken);
  }
}

/** Frames that only a control stream may hold (RFC 9114 table 1), and pushes, which we do not take. */
function isOfControl(type: number): boolean {
  return type === H3_FRAME.cancelPush || type === H3_FRAME.settings ||
    type === H3_FRAME.pushPromise || type === H3_FRAME.goaway || type === H3_FRAME.maxPushId;
}

/** How a response ended whose stream could not be read on. */
function endOf(error: unknown): End {
  const detail = messageOf(error);
  const malformed = error instanceof H3FrameError || (error as Error)?.name === "HeaderCodingError";
  if (malformed) return { kind: "malformed", at: now(), detail };
  const code = /reset by peer: (?:error )?(\d+)/.exec(detail)?.[1];
  const name = code === undefined ? undefined : ERROR_NAMES[Number(code)] ?? code;
  return { kind: "stream-reset", at: now(), detail: name ?? detail };
}

/** One unidirectional stream of the peer: its type, and what may stand in it. */
class PeerStream {
  #type: number | undefined;
  #buffer: Uint8Array = new Uint8Array(0);
  #settings = false;
  readonly #frames = new FrameReader({
    data: () => {
      throw new H3FrameError("DATA on the control stream");
    },
    frame: (type) => {
      if (type === H3_FRAME.settings === this.#settings) {
        throw new H3FrameError("a control stream has SETTINGS once, first");
      }
      this.#settings = true;
      if (type === H3_FRAME.headers) throw new H3FrameError("HEADERS on the control stream");
    },
  });

  /** The connection cannot go on without it (RFC 9114 section 6.2.1). */
  get critical(): boolean {
    return this.#type === STREAM.control;
  }

  push(bytes: Uint8Array): void {
    let rest: Uint8Array = bytes;
    if (this.#type === undefined) {
      this.#buffer = Buffer.concat([this.#buffer, bytes]);
      const type = readVarint(this.#buffer);
      if (type === undefined) return;
      this.#type = type.value;
      rest = this.#buffer.subarray(type.length);
    }
    if (this.#type === STREAM.control) this.#frames.push(rest);
    else if (this.#type === STREAM.push) throw new H3FrameError("a push, which we did not allow");
    // All that an encoder may say without a table is that its capacity is 0 (RFC 9204 section 4.3.1).
    else if (this.#type === STREAM.encoder && rest.some((byte) => byte !== 0x20)) {
      throw new H3FrameError("an insertion into a dynamic table that there is not");
    }
  }
}

/** Both directions of a request's stream, from before it is open. */
class RequestStream implements ExchangeDriver {
  readonly #stream: Promise<Deno.QuicBidirectionalStream>;
  readonly #writer: Promise<WritableStreamDefaultWriter<Uint8Array>>;
  readonly #leave: () => void;
  #last: Promise<void> = Promise.resolve();
  #gone = false;
  /** Held while nothing is to be read. */
  #paused: PromiseWithResolvers<void> | undefined;

  /** `leave` tells the peer that nobody waits for the response any more. */
  constructor(stream: Promise<Deno.QuicBidirectionalStream>, leave: () => void) {
    this.#stream = stream;
    this.#leave = leave;
    this.#writer = stream.then(({ writable }) => writable.getWriter());
    this.#writer.catch(() => {});
  }

  /** Sends bytes as they are. A peer that wants no more of them is no fault: its response tells why. Never rejects. */
  send(bytes: Uint8Array): Promise<void> {
    return this.#inTurn((writer) => writer.write(bytes));
  }

  /** Sends a piece of the body. Never rejects. */
  write(bytes: Uint8Array): Promise<void> {
    return bytes.length > 0 ? this.send(frame(H3_FRAME.data, bytes)) : Promise.resolve();
  }

  /** Ends the request. Never rejects. */
  finish(trailers: HeaderList = []): Promise<void> {
    if (trailers.length > 0) void this.send(frame(H3_FRAME.headers, encodeFields(trailers)));
    return this.#inTurn((writer) => writer.close());
  }

  /**
   * Leaves, and takes the connection along: Deno's QUIC has no RESET_STREAM, and sends STOP_SENDING
   * only when nobody is reading the stream.
   */
  abort(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.resume();
    this.#leave();
  }

  pause(): void {
    this.#paused ??= Promise.withResolvers();
  }

  resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  /** Yields the pieces that come; the next one is asked for when the last one has been looked at. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    const reader = (await this.#stream).readable.getReader();
    while (!this.#gone) {
      await this.#paused?.promise;
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  }

  #inTurn(act: (writer: WritableStreamDefaultWriter<Uint8Array>) => Promise<void>): Promise<void> {
    const turn = async () => {
      const writer = await this.#writer;
      if (!this.#gone) await act(writer);
    };
    return this.#last = this.#last.then(turn).catch(() => {});
  }
}

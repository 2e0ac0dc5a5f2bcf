/** The HTTP/2 client of the suite. */
import { Buffer } from "node:buffer";
import type net from "node:net";
import { now } from "../../service/mod.ts";
import type { HeaderList, WaitOptions, WayIn } from "../target.ts";
import { type Address, addressOf, openSocket } from "./address.ts";
import type { Connection, ConnectOptions } from "./connection.ts";
import { Exchange, type ExchangeDriver, type RequestSpec } from "./exchange.ts";
import { codeAt, FLAG, FRAME, uint32, unpad } from "./h2_frames.ts";
import { encodeHeaders, HpackDecoder } from "./hpack.ts";
import type { End } from "./transcript.ts";
import { dressed } from "./way_in.ts";

const CANCEL = 8;

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Largest frame that every peer takes (RFC 9113 section 4.2). */
const MAX_FRAME = 16_384;

/** Initial flow-control window (RFC 9113 section 6.9.2), of a stream and of the connection. */
const WINDOW = 65_535;

/** Window of each stream at its start: one buffer of the bundled gateway. */
const STREAM_WINDOW = 1 << 20;

/** Received bytes of a stream that are credited together: a round trip each would be the pace. */
const CREDIT = STREAM_WINDOW / 4;

/** Sent as the connection's window on top: streams, not the connection, are what a case paces. */
const CONNECTION_WINDOW = 64 * 1024 * 1024;

/** Headers that HTTP/2 forbids (RFC 9113 section 8.2.2): the HTTP/1.1 framing of a spec. */
const CONNECTION_HEADERS = new Set(["host", "connection", "transfer-encoding", "keep-alive"]);

interface Stream {
  readonly exchange: Exchange;
  window: number;
  /** Received and not yet credited back. */
  owed: number;
  paused: boolean;
  closed: boolean;
  readonly blocked: Array<() => void>;
}

/**
 * An HTTP/2 connection with prior knowledge, frame by frame (RFC 9113): whatever bytes a case wants
 * in a header or a pseudo-header are sent, windows are the case's own, and every RST_STREAM and
 * GOAWAY is seen with its code.
 */
export class H2Connection implements Connection {
  readonly protocol = "h2c";
  readonly #socket: net.Socket;
  readonly #address: Address;
  readonly #wait: WaitOptions;
  readonly #wayIn: WayIn;
  readonly #decoder = new HpackDecoder();
  readonly #streams = new Map<number, Stream>();
  readonly #closed = Promise.withResolvers<void>();
  #buffer: Uint8Array = new Uint8Array(0);
  #block: { id: number; flags: number; parts: Uint8Array[] } | undefined;
  #nextId = 1;
  #window = WINDOW;
  #peerWindow = WINDOW;
  #uncredited = 0;

  /** Set once the peer sent GOAWAY: its last stream id and error name. */
  goaway: { lastStream: number; code: string } | undefined;

  private constructor(
    socket: net.Socket,
    address: Address,
    { wait, wayIn }: { wait: WaitOptions; wayIn: WayIn },
  ) {
    this.#socket = socket;
    this.#address = address;
    this.#wait = wait;
    this.#wayIn = wayIn;
    socket.on("data", (bytes: Uint8Array) => this.#receive(bytes));
    socket.on("error", (error: Error & { code?: string }) => {
      const detail = error.code ?? error.message;
      this.#end({ kind: this.goaway ? "goaway" : "rst", at: now(), detail });
    });
    socket.on("end", () => {
      this.#end({ kind: this.goaway ? "goaway" : "fin", at: now() });
      socket.end();
    });
    socket.on("close", () => {
      this.#end({ kind: this.goaway ? "goaway" : "fin", at: now(), detail: "connection closed" });
      this.#closed.resolve();
    });
  }

  /** Connects to the target and exchanges settings. */
  static async open(url: string, options: ConnectOptions = {}): Promise<H2Connection> {
    const { ca, wayIn = {}, ...wait } = options;
    const address = addressOf(url, wayIn.host);
    const socket = await openSocket(address, {
      alpn: "h2",
      ...(wayIn.proxyProtocol && { proxyProtocol: true as const }),
      ...(ca !== undefined && { ca }),
      ...(wait.signal && { signal: wait.signal }),
    });
    const connection = new H2Connection(socket, address, { wait, wayIn });
    socket.write(PREFACE);
    // No server push, and a stream window: all other settings stay at their defaults.
    const settings = Buffer.concat([
      Uint8Array.of(0, 2, 0, 0, 0, 0),
      Uint8Array.of(0, 4),
      uint32(STREAM_WINDOW),
    ]);
    connection.sendFrame(FRAME.settings, 0, 0, settings);
    connection.sendFrame(FRAME.windowUpdate, 0, 0, uint32(CONNECTION_WINDOW));
    return connection;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  request(asked: RequestSpec): Exchange {
    const spec = dressed(asked, this.#wayIn);
    const scheme = this.#address.tls ? "https" : "http";
    const host = spec.headers.find(([name]) => name.toLowerCase() === "host")?.[1];
    const pseudo: HeaderList = [
      [":method", spec.method],
      [":scheme", scheme],
      [":authority", host ?? this.#address.authority],
      [":path", this.#address.prefix + spec.path],
    ];
    const headers = spec.headers
      .map(([name, value]): [string, string] => [name.toLowerCase(), value])
      .filter(([name]) => !CONNECTION_HEADERS.has(name));
    return this.requestWith([...pseudo, ...headers], spec);
  }

  /** Sends exactly these header fields, pseudo-headers included; `spec` tells the rest. */
  requestWith(fields: HeaderList, spec: RequestSpec): Exchange {
    const id = this.#nextId;
    this.#nextId += 2;
    const body = spec.body === undefined ? undefined : Buffer.from(spec.body as string);
    const stream: Stream = {
      exchange: new Exchange("h2c", spec, { driver: this.#driver(id), wait: this.#wait }),
      window: this.#peerWindow,
      owed: 0,
      paused: false,
      closed: false,
      blocked: [],
    };
    this.#streams.set(id, stream);
    const open = spec.manual || (body && body.length > 0);
    this.#sendHeaders(id, fields, !open);
    if (open && !spec.manual && body) void this.#sendData(id, stream, body, true);
    return stream.exchange;
  }

  /** Sends one frame, whatever it holds. */
  sendFrame(type: number, flags: number, id: number, payload: Uint8Array): void {
    if (this.#socket.destroyed || !this.#socket.writable) return;
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(id, 5);
    this.#socket.write(payload.length > 0 ? Buffer.concat([head, payload]) : head);
  }

  /** Tells the peer that we take no new streams (RFC 9113 section 6.8). */
  sendGoaway(): void {
    this.sendFrame(FRAME.goaway, 0, 0, new Uint8Array(8));
  }

  close(): void {
    this.#socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#closed.promise;
  }

  #driver(id: number): ExchangeDriver {
    return {
      write: async (bytes) => {
        const stream = this.#streams.get(id);
        if (stream) await this.#sendData(id, stream, bytes, false);
      },
      finish: async (trailers) => {
        const stream = this.#streams.get(id);
        if (!stream || stream.closed) return;
        if (trailers && trailers.length > 0) this.#sendHeaders(id, trailers, true);
        else await this.#sendData(id, stream, new Uint8Array(0), true);
      },
      abort: () => {
        this.#close(id);
        this.sendFrame(FRAME.rstStream, 0, id, uint32(CANCEL));
      },
      pause: () => {
        const stream = this.#streams.get(id);
        if (stream) stream.paused = true;
      },
      resume: () => {
        const stream = this.#streams.get(id);
        if (!stream) return;
        stream.paused = false;
        if (stream.owed > 0) this.sendFrame(FRAME.windowUpdate, 0, id, uint32(stream.owed));
        stream.owed = 0;
      },
    };
  }

  #sendHeaders(id: number, fields: HeaderList, endStream: boolean): void {
    const block = encodeHeaders(fields);
    const end = endStream ? FLAG.endStream : 0;
    let first = true;
    for (let at = 0; first || at < block.length; at += MAX_FRAME) {
      const part = block.subarray(at, at + MAX_FRAME);
      const last = at + MAX_FRAME >= block.length ? FLAG.endHeaders : 0;
      const type = first ? FRAME.headers : FRAME.continuation;
      this.sendFrame(type, (first ? end : 0) | last, id, part);
      first = false;
    }
  }

  /** Sends body bytes within the peer's windows; resolves early when the stream is over. */
  /** Sends a body as the peer makes room for it. Never rejects. */
  async #sendData(id: number, stream: Stream, bytes: Uint8Array, end: boolean): Promise<void> {
    let rest = bytes;
    do {
      if (stream.closed) return;
      const room = Math.min(stream.window, this.#window, MAX_FRAME);
      if (room <= 0 && rest.length > 0) {
        await new Promise<void>((resolve) => stream.blocked.push(resolve));
        continue;
      }
      const part = rest.subarray(0, room);
      rest = rest.subarray(part.length);
      stream.window -= part.length;
      this.#window -= part.length;
      this.sendFrame(FRAME.data, end && rest.length === 0 ? FLAG.endStream : 0, id, part);
    } while (rest.length > 0);
  }

  #receive(bytes: Uint8Array): void {
    let rest = this.#buffer.length > 0 ? Buffer.concat([this.#buffer, bytes]) : Buffer.from(bytes);
    while (rest.length >= 9) {
      const length = rest.readUIntBE(0, 3);
      if (rest.length < 9 + length) break;
      const payload = rest.subarray(9, 9 + length);
      try {
        this.#frame(rest[3] ?? 0, rest[4] ?? 0, rest.readUInt32BE(5) & 0x7fffffff, payload);
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error);
        this.#end({ kind: "malformed", at: now(), detail });
        this.#socket.destroy();
        return;
      }
      rest = rest.subarray(9 + length);
    }
    this.#buffer = rest.length > 0 ? Uint8Array.from(rest) : new Uint8Array(0);
  }

  #frame(type: number, flags: number, id: number, payload: Buffer): void {
    switch (type) {
      case FRAME.settings:
        if (!(flags & FLAG.ack)) this.#settings(payload);
        return;
      case FRAME.ping:
        if (!(flags & FLAG.ack)) this.sendFrame(FRAME.ping, FLAG.ack, 0, payload);
        return;
      case FRAME.goaway:
        this.goaway = {
          lastStream: payload.readUInt32BE(0) & 0x7fffffff,
          code: codeAt(payload, 4),
        };
        // With NO_ERROR the older streams go on; any other code ends the connection (section 5.4.1).
        for (const [other, stream] of this.#streams) {
          if (this.goaway.code === "NO_ERROR" && other <= this.goaway.lastStream) continue;
          stream.exchange.ends({ kind: "goaway", at: now(), detail: this.goaway.code });
          this.#close(other);
        }
        return;
      case FRAME.windowUpdate:
        this.#credit(id, payload.readUInt32BE(0) & 0x7fffffff);
        return;
      case FRAME.rstStream: {
        const stream = this.#streams.get(id);
        stream?.exchange.ends({ kind: "stream-reset", at: now(), detail: codeAt(payload, 0) });
        this.#close(id);
        return;
      }
      case FRAME.data:
        this.#data(id, flags, payload);
        return;
      case FRAME.headers: {
        let part: Uint8Array = unpad(payload, flags);
        if (flags & FLAG.priority) part = part.subarray(5);
        this.#block = { id, flags, parts: [part] };
        if (flags & FLAG.endHeaders) this.#headers();
        return;
      }
      case FRAME.continuation:
        this.#block?.parts.push(payload);
        if (flags & FLAG.endHeaders) this.#headers();
        return;
    }
  }

  #headers(): void {
    const block = this.#block;
    if (!block) return;
    this.#block = undefined;
    // Decoded even for a stream that is gone: the table belongs to the connection.
    const fields = this.#decoder.decode(Buffer.concat(block.parts));
    const stream = this.#streams.get(block.id);
    if (!stream) return;
    const { exchange } = stream;
    const status = Number(fields.find(([name]) => name === ":status")?.[1] ?? Number.NaN);
    const headers = fields.filter(([name]) => !name.startsWith(":"));
    const last = (block.flags & FLAG.endStream) !== 0;
    if (exchange.transcript.head) {
      if (last) exchange.onComplete(headers);
    } else if (status < 200) {
      exchange.onInformational(status, "", headers);
    } else {
      exchange.onHead(status, "", headers, last ? "none" : "data");
      if (last) exchange.onComplete([]);
    }
    if (last) this.#close(block.id);
  }

  #data(id: number, flags: number, payload: Buffer): void {
    const stream = this.#streams.get(id);
    this.#uncredited += payload.length;
    if (this.#uncredited >= CONNECTION_WINDOW / 4) {
      this.#sendWindow(0, this.#uncredited);
      this.#uncredited = 0;
    }
    if (!stream) return;
    stream.owed += payload.length;
    const part = unpad(payload, flags);
    if (part.length > 0) stream.exchange.onBody(part);
    if (flags & FLAG.endStream) {
      stream.exchange.onComplete([]);
      this.#close(id);
    } else if (!stream.paused && stream.owed >= CREDIT) {
      this.#sendWindow(id, stream.owed);
      stream.owed = 0;
    }
  }

  #sendWindow(id: number, bytes: number): void {
    if (bytes > 0) this.sendFrame(FRAME.windowUpdate, 0, id, uint32(bytes));
  }

  #settings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== 4) continue; // SETTINGS_INITIAL_WINDOW_SIZE
      const size = payload.readUInt32BE(at + 2);
      for (const stream of this.#streams.values()) stream.window += size - this.#peerWindow;
      this.#peerWindow = size;
    }
    this.sendFrame(FRAME.settings, FLAG.ack, 0, new Uint8Array(0));
    this.#wake();
  }

  #credit(id: number, bytes: number): void {
    if (id === 0) this.#window += bytes;
    const stream = this.#streams.get(id);
    if (stream) stream.window += bytes;
    this.#wake();
  }

  #wake(): void {
    for (const stream of this.#streams.values()) {
      for (const resolve of stream.blocked.splice(0)) resolve();
    }
  }

  #close(id: number): void {
    const stream = this.#streams.get(id);
    if (!stream) return;
    stream.closed = true;
    this.#streams.delete(id);
    for (const resolve of stream.blocked.splice(0)) resolve();
  }

  #end(end: End): void {
    for (const [id, stream] of this.#streams) {
      stream.exchange.ends(end);
      this.#close(id);
    }
  }
}

/**
 * HTTP/2 with prior knowledge in front of the small proxy: each stream is rewritten as an HTTP/1.1
 * request on a connection of its own. Just enough of RFC 9113 for small exchanges, no flow control.
 */
import { Buffer } from "node:buffer";
import net from "node:net";
import { MalformedResponse, ResponseReader } from "../../conformance/mod.ts";
import { encodeHeaders, type HeaderList, HpackDecoder } from "../../http2/mod.ts";
import { closeServer } from "../../service/mod.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD_BYTES = 9;
const MAX_FRAME = 16_384;

/** Frame types and flags (RFC 9113 section 6). */
const FRAME = { data: 0, headers: 1, rst: 3, settings: 4, ping: 6, continuation: 9 } as const;
const FLAG = { end: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;
const PROTOCOL_ERROR = 1;

/** Where the small proxy is, and whether the front looks at what it rewrites. */
export interface FrontOptions {
  /** Port of the small proxy on loopback. */
  readonly proxyPort: number;
  /** Writes whatever HTTP/2 fields hold into HTTP/1.1's lines. */
  readonly blind?: boolean;
  /** Closes the connection when one of its streams is reset. */
  readonly fragile?: boolean;
}

/** A request while its frames come in. */
interface Incoming {
  fields: HeaderList;
  readonly body: Uint8Array[];
}

/** One HTTP/2 connection of a client. The preface has been read. */
export class H2Front {
  readonly #socket: net.Socket;
  readonly #options: FrontOptions;
  readonly #hpack = new HpackDecoder();
  readonly #incoming = new Map<number, Incoming>();
  readonly #upstreams = new Map<number, net.Socket>();
  #input: Uint8Array = new Uint8Array(0);
  #block: { id: number; flags: number; parts: Uint8Array[] } | undefined;

  constructor(socket: net.Socket, options: FrontOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on("data", (bytes: Uint8Array) => this.take(bytes));
    socket.on("end", () => socket.end());
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const upstream of this.#upstreams.values()) upstream.destroy();
    });
    this.#send(FRAME.settings, 0, 0, new Uint8Array(0));
  }

  /** Reads the next bytes of the connection. */
  take(bytes: Uint8Array): void {
    this.#input = Buffer.concat([this.#input, bytes]);
    while (this.#input.length >= HEAD_BYTES) {
      const head = Buffer.from(this.#input);
      const length = head.readUIntBE(0, 3);
      if (this.#input.length < HEAD_BYTES + length) return;
      const payload = this.#input.slice(HEAD_BYTES, HEAD_BYTES + length);
      this.#input = this.#input.slice(HEAD_BYTES + length);
      this.#frame(head[3] ?? 0, head[4] ?? 0, head.readUInt32BE(5) & 0x7fffffff, payload);
    }
  }

  #frame(type: number, flags: number, id: number, payload: Uint8Array): void {
    if (type === FRAME.settings && !(flags & FLAG.ack)) {
      this.#send(FRAME.settings, FLAG.ack, 0, new Uint8Array(0));
    } else if (type === FRAME.ping && !(flags & FLAG.ack)) {
      this.#send(FRAME.ping, FLAG.ack, 0, payload);
    } else if (type === FRAME.rst) {
      if (this.#options.fragile) this.#socket.destroy();
      this.#incoming.delete(id);
      this.#upstreams.get(id)?.destroy();
    } else if (type === FRAME.headers) {
      this.#block = { id, flags, parts: [content(payload, flags)] };
      if (flags & FLAG.endHeaders) this.#headersDone();
    } else if (type === FRAME.continuation) {
      this.#block?.parts.push(payload);
      if (flags & FLAG.endHeaders) this.#headersDone();
    } else if (type === FRAME.data) {
      this.#incoming.get(id)?.body.push(content(payload, flags));
      if (flags & FLAG.end) this.#requestDone(id);
    }
  }

  #headersDone(): void {
    const block = this.#block;
    if (!block) return;
    this.#block = undefined;
    const fields = this.#hpack.decode(Buffer.concat(block.parts));
    this.#incoming.set(block.id, { fields, body: [] });
    if (block.flags & FLAG.end) this.#requestDone(block.id);
  }

  #requestDone(id: number): void {
    const request = this.#incoming.get(id);
    this.#incoming.delete(id);
    if (!request) return;
    const body = Buffer.concat(request.body);
    if (!this.#options.blind && !isSound(request.fields, body.length)) {
      this.#send(FRAME.rst, 0, id, Uint8Array.of(0, 0, 0, PROTOCOL_ERROR));
      return;
    }
    const upstream = net.connect(this.#options.proxyPort, "127.0.0.1");
    this.#upstreams.set(id, upstream);
    this.#answer(id, upstream, request.fields);
    upstream.write(
      Buffer.concat([Buffer.from(asHttp1(request.fields, body.length), "latin1"), body]),
    );
  }

  /** Passes the small proxy's answer on as frames. */
  #answer(id: number, upstream: net.Socket, fields: HeaderList): void {
    let over = false;
    const end = (type: number, flags: number, payload: Uint8Array) => {
      if (over) return;
      over = true;
      this.#send(type, flags, id, payload);
      upstream.destroy();
    };
    const reader = new ResponseReader(() => ({
      method: valueOf(fields, ":method"),
      onInformational: () => {},
      onHead: (status, _reason, headers) => {
        const passed = headers.map(([name, value]): [string, string] => [name.toLowerCase(), value])
          .filter(([name]) => !HOP_BY_HOP.has(name));
        const block = encodeHeaders([[":status", String(status)], ...passed]);
        this.#send(FRAME.headers, FLAG.endHeaders, id, block);
      },
      onBody: (bytes) => {
        for (let at = 0; at < bytes.length; at += MAX_FRAME) {
          this.#send(FRAME.data, 0, id, bytes.subarray(at, at + MAX_FRAME));
        }
      },
      onComplete: () => end(FRAME.data, FLAG.end, new Uint8Array(0)),
    }));
    const broken = () => end(FRAME.rst, 0, Uint8Array.of(0, 0, 0, PROTOCOL_ERROR));
    upstream.on("data", (bytes: Uint8Array) => {
      try {
        if (!over) reader.feed(bytes);
      } catch (error) {
        if (!(error instanceof MalformedResponse)) throw error;
        broken();
      }
    });
    upstream.on("error", broken);
    upstream.on("close", () => {
      this.#upstreams.delete(id);
      if (!over && !reader.finish()) broken();
    });
  }

  #send(type: number, flags: number, id: number, payload: Uint8Array): void {
    if (this.#socket.destroyed) return;
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(id, 5);
    this.#socket.write(Buffer.concat([head, payload]));
  }
}

/**
 * Starts a front on a free port that serves both versions: HTTP/2 is rewritten, HTTP/1.1 is passed
 * on to the small proxy as it is.
 */
export async function startH2Front(
  options: FrontOptions,
): Promise<AsyncDisposable & { readonly url: string }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    let first: Uint8Array = new Uint8Array(0);
    const sniff = (bytes: Uint8Array) => {
      first = Buffer.concat([first, bytes]);
      const start = Buffer.from(first.subarray(0, PREFACE.length)).toString("latin1");
      const h2 = PREFACE.startsWith(start);
      if (h2 && start.length < PREFACE.length) return;
      socket.off("data", sniff);
      if (h2) new H2Front(socket, options).take(first.slice(PREFACE.length));
      else passOn(socket, first, options.proxyPort);
    };
    socket.on("data", sniff);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as net.AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await closeServer(server, sockets);
    },
  };
}

function passOn(socket: net.Socket, first: Uint8Array, port: number): void {
  const proxy = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  proxy.on("error", () => socket.destroy());
  proxy.write(first);
  socket.pipe(proxy);
  proxy.pipe(socket);
  socket.once("close", () => proxy.destroy());
}

/** The bytes of a frame without padding and priority (RFC 9113 sections 6.1 and 6.2). */
function content(payload: Uint8Array, flags: number): Uint8Array {
  const padding = flags & FLAG.padded ? payload[0] ?? 0 : 0;
  const skip = (flags & FLAG.padded ? 1 : 0) + (flags & FLAG.priority ? 5 : 0);
  return payload.slice(skip, payload.length - padding);
}

/** Headers of one hop (RFC 9113 section 8.2.2). */
const HOP_BY_HOP = new Set([
  "connection",
  "transfer-encoding",
  "keep-alive",
  "upgrade",
  "proxy-connection",
]);

/** Whether the fields can be HTTP/1.1 lines without meaning something else (section 8.2.1). */
function isSound(fields: HeaderList, bodyBytes: number): boolean {
  return fields.every(([name, value]) => {
    if (/[\r\n\0]/.test(value)) return false;
    if (name === ":path") return !/[\s]/.test(value);
    if (name.startsWith(":")) return true;
    if (name === "content-length") return value === String(bodyBytes);
    return /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name) && !HOP_BY_HOP.has(name);
  });
}

function asHttp1(fields: HeaderList, bodyBytes: number): string {
  const plain = fields.filter(([name]) => !name.startsWith(":"));
  const framed = plain.some(([name]) => name === "content-length" || name === "transfer-encoding");
  const lines: HeaderList = [
    ["host", valueOf(fields, ":authority")],
    ...plain,
    ...(framed ? [] : [["content-length", String(bodyBytes)] as [string, string]]),
  ];
  const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${valueOf(fields, ":method")} ${valueOf(fields, ":path")} HTTP/1.1\r\n${text}\r\n`;
}

function valueOf(fields: HeaderList, name: string): string {
  return fields.find(([key]) => key === name)?.[1] ?? "";
}

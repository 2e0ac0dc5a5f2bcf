/** One exchange on HTTP/1.1. */
import { Buffer } from "node:buffer";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { now } from "../../service/mod.ts";
import type { RequestHead } from "./http1_head.ts";
import type { StreamEvent } from "../load/stream_event.ts";
import type { AbortKind } from "../types.ts";
import { type HeaderList, resetConnection, type WholeBody, Wire, type WireHost } from "./wire.ts";

const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();

/** The part of a connection that an exchange needs. */
export interface Http1Link {
  readonly socket: Socket;
  /** Sends bytes; the promise, if any, resolves when the peer takes more or is gone, and never rejects. */
  send(bytes: Uint8Array, done?: () => void): Promise<void> | undefined;
  /** Sends text; the promise never rejects. */
  sendText(
    text: string,
    encoding: "latin1" | "utf8",
    done?: () => void,
  ): Promise<void> | undefined;
  slowRead(bytesPerSecond: number): void;
  finish(): void;
  onAnswered(keepAlive: boolean): void;
}

/** One HTTP/1.1 exchange. */
export class Http1Wire extends Wire {
  readonly #connection: Http1Link;
  readonly #head: RequestHead;
  readonly #host: WireHost;
  #framing: "chunked" | "length" | "close" | "switched" | "none" = "none";
  #keepAlive: boolean;
  #continued = false;

  constructor(
    exchange: Wire["exchange"],
    head: RequestHead,
    options: { connection: Http1Link; host: WireHost },
  ) {
    super(exchange, options.host);
    this.#host = options.host;
    this.#head = head;
    this.#connection = options.connection;
    this.#keepAlive = head.keepAlive;
  }

  /** Whether the answer was 101: from then on the connection carries another protocol's bytes. */
  get switched(): boolean {
    return this.#framing === "switched";
  }

  /** Counts bytes of the other protocol in the journal. */
  takeSwitched(bytes: Uint8Array): void {
    this.exchange.firstBodyByteAt ??= now();
    this.exchange.bodyBytes += bytes.length;
    this.#host.journal.notify();
  }

  override sendContinue(): void {
    if (!this.#head.expectContinue || this.#continued || this.body.done) return;
    this.#continued = true;
    this.#connection.send(encoder.encode("HTTP/1.1 100 Continue\r\n\r\n"));
  }

  override slowRead(bytesPerSecond: number): void {
    this.sendContinue();
    this.#connection.slowRead(bytesPerSecond);
  }

  protected override sendHead(status: number, headers: HeaderList) {
    return this.#connection.sendText(this.#headText(status, headers), "latin1");
  }

  protected override sendWhole(
    status: number,
    headers: HeaderList,
    { body, bytes }: WholeBody,
  ): void {
    const known = headers.some(([name]) => name.toLowerCase() === "content-length");
    const head = this.#headText(
      status,
      known ? headers : [...headers, ["content-length", String(bytes)]],
    );
    const done = () => this.close("completed");
    if (this.#framing === "none") {
      this.#connection.sendText(head, "latin1", done);
    } else if (typeof body === "string" && bytes === body.length) {
      // ASCII, and so one text with the head: no bytes have to be made here.
      this.#connection.sendText(head + body, "latin1", done);
    } else {
      this.#connection.send(withHead(head, body), done);
    }
    this.#connection.onAnswered(this.#keepAlive);
  }

  protected override sendBody(bytes: Uint8Array) {
    if (this.#framing === "none" || bytes.length === 0) return undefined;
    return this.#connection.send(this.#framing === "chunked" ? chunk(bytes) : bytes);
  }

  protected override sendEvent(event: StreamEvent) {
    if (this.#framing !== "chunked" || event.bytes === 0) {
      return this.sendBody(encoder.encode(event.text));
    }
    const { chunk } = event;
    return typeof chunk === "string"
      ? this.#connection.sendText(chunk, event.encoding)
      : this.#connection.send(chunk);
  }

  protected override sendTexts(texts: readonly string[]) {
    if (this.#framing !== "chunked") return this.sendBody(encoder.encode(texts.join("")));
    // Text is joined much faster than bytes are copied piece by piece.
    let all = "";
    for (const text of texts) {
      if (text !== "") all += `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
    }
    return this.#connection.send(Buffer.from(all));
  }

  protected override sendEnd(trailers: HeaderList): void {
    const done = () => this.close("completed");
    if (this.#framing === "chunked") {
      const lines = trailers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
      this.#connection.sendText(`0\r\n${lines}\r\n`, "latin1", done);
    } else {
      this.#connection.send(EMPTY, done);
    }
    this.#connection.onAnswered(this.#keepAlive);
  }

  protected override sendAbort(kind: AbortKind): void {
    const { socket } = this.#connection;
    if (kind === "rst" || kind === "tcp_rst") {
      resetConnection(socket, this.exchange);
      return;
    }
    const broken = this.#brokenBytes(kind);
    if (broken) this.#connection.sendText(broken, "latin1");
    this.#connection.finish();
  }

  /** Returns the bytes that an abort writes before its FIN. */
  #brokenBytes(kind: AbortKind): string | undefined {
    const sent = this.headSent;
    switch (kind) {
      case "bad_chunk":
        return (sent ? "" : CHUNKED_HEAD) + "zz\r\nnot a chunk\r\n";
      case "short_length":
        return (sent && this.#framing === "chunked")
          ? "1000\r\nshort"
          : sent
          ? undefined
          : 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4096\r\n\r\n{"id":"';
      case "garbage":
        return GARBAGE;
      default:
        return undefined;
    }
  }

  #headText(status: number, headers: HeaderList): string {
    const bodiless = this.#head.method === "HEAD" || status === 204 || status === 304 ||
      status < 200;
    let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}\r\n`;
    let framed: "chunked" | "length" | undefined;
    for (const [name, value] of headers) {
      const lower = name.toLowerCase();
      if (lower === "content-length") framed ??= "length";
      if (lower === "transfer-encoding") framed = "chunked";
      if (lower === "connection" && value.toLowerCase() === "close") this.#keepAlive = false;
      text += `${name}: ${value}\r\n`;
    }
    const switched = status === 101;
    if (!framed && !bodiless && this.#head.version === "1.1") {
      text += "transfer-encoding: chunked\r\n";
    }
    this.#framing = switched
      ? "switched"
      : bodiless
      ? "none"
      : framed ?? (this.#head.version === "1.1" ? "chunked" : "close");
    if (this.#framing === "close" || switched) this.#keepAlive = false;
    if (!this.#keepAlive && !headers.some(([name]) => name.toLowerCase() === "connection")) {
      text += "connection: close\r\n";
    }
    return `${text}\r\n`;
  }
}

const CHUNKED_HEAD =
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/** Bytes that are neither a status line, nor a chunk size, nor a frame. The same every time. */
const GARBAGE = "\x00\xff\x13garbage\x7f\x80\xfe not http \x01\x02\x03\r\n\r\n\xde\xad\xbe\xef";

function chunk(bytes: Uint8Array): Uint8Array {
  const size = bytes.length.toString(16);
  const out = new Uint8Array(size.length + bytes.length + 4);
  for (let i = 0; i < size.length; i++) out[i] = size.charCodeAt(i);
  let at = size.length;
  out[at++] = 13;
  out[at++] = 10;
  out.set(bytes, at);
  at += bytes.length;
  out[at++] = 13;
  out[at] = 10;
  return out;
}

/** Head and body as one piece; the head is one byte per character, as header values are sent. */
function withHead(head: string, body: Uint8Array | string): Uint8Array {
  const rest = typeof body === "string" ? encoder.encode(body) : body;
  return Buffer.concat([Buffer.from(head, "latin1"), rest]);
}

/** Joins two pieces of bytes. */
export function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

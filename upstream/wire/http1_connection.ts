/** One HTTP/1.1 connection of a client. */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { STATUS_CODES } from "node:http";
import { BodyDecoder } from "./http1_body.ts";
import { HeadError, parseRequestHead } from "./http1_head.ts";
import { concat, type Http1Link, Http1Wire } from "./http1_wire.ts";
import { LINGER_MS, type WireHost } from "./wire.ts";

/** A longer request head is refused: above any gateway's own limit, so that theirs is seen. */
const HEAD_LIMIT = 1024 * 1024;
/** Pipelined bytes held back while an answer is running. */
const PIPELINE_LIMIT = 1024 * 1024;
const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();

/**
 * One HTTP/1.1 connection on raw TCP: keep-alive, pipelining, chunked uploads, 100-continue, HEAD.
 * Raw, because a framework hides what this mock must witness or provoke: the head as received, FIN
 * against RST, one write per event, broken framing.
 */
export class Http1Connection implements Http1Link {
  readonly id: number;
  readonly socket: Socket;
  readonly #host: WireHost;
  #input: Uint8Array = EMPTY;
  #decoder: BodyDecoder | undefined;
  #wire: Http1Wire | undefined;
  #closing = false;
  #readRate = 0;
  #readTimer: ReturnType<typeof setTimeout> | undefined;
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: Socket, id: number, host: WireHost) {
    this.socket = socket;
    this.id = id;
    this.#host = host;
    socket.on("data", (bytes: Uint8Array) => this.take(bytes));
    socket.on("end", () => this.#onFin());
    socket.on("error", () => this.#wire?.close("client-rst"));
    socket.on("close", () => {
      this.#wire?.close("client-fin");
      clearTimeout(this.#readTimer);
      clearTimeout(this.#lingerTimer);
    });
  }

  /** Reads the next bytes of the connection. */
  take(bytes: Uint8Array): void {
    if (this.#closing && !this.#decoder) return;
    if (this.#wire?.switched) return this.#wire.takeSwitched(bytes);
    this.#input = this.#input.length === 0 ? bytes : concat(this.#input, bytes);
    try {
      this.#advance();
    } catch (error) {
      if (!(error instanceof HeadError)) throw error;
      this.#refuse(error);
    }
    if (this.#input.length > PIPELINE_LIMIT && this.#wire) this.socket.pause();
  }

  /** Sends bytes in one write; the promise, if any, resolves when the peer can take more, and never rejects. */
  send(bytes: Uint8Array, done?: () => void): Promise<void> | undefined {
    const socket = this.socket;
    return socket.destroyed || socket.write(bytes, done) ? undefined : this.#drained();
  }

  /** Sends text in one write, as `send` does bytes; the promise never rejects. */
  sendText(
    text: string,
    encoding: "latin1" | "utf8",
    done?: () => void,
  ): Promise<void> | undefined {
    const socket = this.socket;
    return socket.destroyed || socket.write(text, encoding, done) ? undefined : this.#drained();
  }

  /** Reads the body at this many bytes per second from now on. */
  slowRead(bytesPerSecond: number): void {
    this.#readRate = bytesPerSecond;
    this.#pace(0);
  }

  /** Sends FIN after what was written, and gives the peer a moment to close too. */
  finish(): void {
    this.#closing = true;
    this.socket.end();
    this.#lingerTimer ??= setTimeout(() => this.socket.destroy(), LINGER_MS);
  }

  /** The answer has been written; goes on with the next request, or closes. */
  onAnswered(keepAlive: boolean): void {
    if (!keepAlive) this.finish();
    this.#settle();
  }

  /** Resolves when the peer has taken what was written, or is gone. */
  #drained(): Promise<void> {
    const socket = this.socket;
    return new Promise((resolve) => {
      const go = () => {
        socket.off("drain", go);
        socket.off("close", go);
        resolve();
      };
      socket.on("drain", go);
      socket.on("close", go);
    });
  }

  #onFin(): void {
    const wire = this.#wire;
    // A FIN before the answer's end counts as leaving, as it does for Go's and Envoy's servers.
    if (wire && !wire.answered) {
      wire.close("client-fin");
      this.socket.destroy();
    } else if (this.#decoder && !this.#decoder.done) {
      wire?.close("client-fin");
      this.socket.destroy();
    } else {
      this.finish();
    }
  }

  #advance(): void {
    while (this.#input.length > 0) {
      if (this.#decoder) {
        const wire = this.#wire;
        const before = wire?.exchange.bodyBytes ?? 0;
        const used = this.#decoder.take(this.#input, (piece) => wire?.body.push(piece));
        this.#input = rest(this.#input, used);
        if (wire && this.#readRate > 0) this.#pace(wire.exchange.bodyBytes - before);
        if (!this.#decoder.done) {
          this.#host.journal.notify();
          return;
        }
        this.#decoder = undefined;
        wire?.body.finish();
        this.#host.journal.notify();
        this.#settle();
        continue;
      }
      if (this.#wire || this.#closing) return;
      if (!this.#head()) return;
    }
  }

  /** Reads one request head from the input; false when it is not all there yet. */
  #head(): boolean {
    let from = 0;
    // RFC 9112 section 2.2: empty lines before the request line are ignored.
    while (this.#input[from] === 13 && this.#input[from + 1] === 10) from += 2;
    const end = endOfHead(this.#input, from);
    if (end < 0) {
      if (this.#input.length > HEAD_LIMIT) throw new HeadError("Request head too large", 431);
      return false;
    }
    const rawHead = latin1Text(this.#input.subarray(from, end));
    const head = parseRequestHead(rawHead.slice(0, -4));
    this.#input = rest(this.#input, end);
    this.#readRate = 0;
    const exchange = this.#host.open({
      connection: this.id,
      protocol: "http/1.1",
      method: head.method,
      target: head.target,
      headers: head.headers,
    }, rawHead);
    const wire = new Http1Wire(exchange, head, { connection: this, host: this.#host });
    this.#wire = wire;
    if (head.body.kind === "none") {
      wire.body.finish();
    } else {
      this.#decoder = new BodyDecoder(head.body);
      // What came with the head is taken before the endpoint looks, which saves it a wait.
      if (this.#input.length > 0) {
        const used = this.#decoder.take(this.#input, (piece) => wire.body.push(piece));
        this.#input = rest(this.#input, used);
        if (this.#decoder.done) {
          this.#decoder = undefined;
          wire.body.finish();
        }
      }
    }
    this.#host.journal.notify();
    this.#host.serve(wire);
    return true;
  }

  /** When request and answer are both over, the connection is free for the next request. */
  #settle(): void {
    const wire = this.#wire;
    if (!wire?.answered || this.#decoder) return;
    this.#wire = undefined;
    if (this.socket.isPaused()) this.socket.resume();
    if (this.#input.length > 0 && !this.#closing) queueMicrotask(() => this.take(EMPTY));
  }

  #refuse(error: HeadError): void {
    const wire = this.#wire;
    const rawHead = latin1Text(this.#input.subarray(0, 4096));
    this.#decoder = undefined;
    this.#input = EMPTY;
    this.#closing = true;
    if (wire) {
      wire.exchange.problem = error.message;
      if (wire.headSent) return wire.abort("fin");
    } else {
      const exchange = this.#host.open({
        connection: this.id,
        protocol: "http/1.1",
        method: "",
        target: "",
        headers: [],
      }, rawHead);
      exchange.problem = error.message;
      exchange.status = error.status;
      exchange.end = "completed";
      exchange.endedAt = exchange.receivedAt;
      this.#host.ended(exchange);
    }
    const body = JSON.stringify({
      error: { message: error.message, type: "invalid_request_error", param: null, code: null },
    });
    this.send(encoder.encode(
      `HTTP/1.1 ${error.status} ${
        STATUS_CODES[error.status]
      }\r\ncontent-type: application/json\r\n` +
        `content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
    ));
    this.finish();
  }

  #pace(taken: number): void {
    this.socket.pause();
    clearTimeout(this.#readTimer);
    const ms = Math.max(1, (taken / this.#readRate) * 1000);
    this.#readTimer = setTimeout(() => this.socket.resume(), ms);
  }
}

function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (at < from + 1 || bytes[at - 1] !== 13) throw new HeadError("Bare LF in the request head");
    if (bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 3;
    if (bytes[at + 1] === 10) throw new HeadError("Bare LF in the request head");
  }
  return -1;
}

/** Returns the input after `used` bytes. An empty view would keep a whole read buffer alive. */
function rest(bytes: Uint8Array, used: number): Uint8Array {
  return used >= bytes.length ? EMPTY : bytes.subarray(used);
}

/** One character per byte. TextDecoder's "latin1" is windows-1252, which is something else. */
function latin1Text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** The HTTP/1.1 client of the suite. */
import { Buffer } from "node:buffer";
import type net from "node:net";
import { now, resetSocket } from "../../service/mod.ts";
import type { HeaderList, WaitOptions, WayIn } from "../target.ts";
import { type Address, addressOf, openSocket } from "./address.ts";
import type { Connection, ConnectOptions } from "./connection.ts";
import { Exchange, type ExchangeDriver, type RequestSpec } from "./exchange.ts";
import { MalformedResponse, ResponseReader } from "./response_reader.ts";
import type { End } from "./transcript.ts";
import { dressed } from "./way_in.ts";

/** An HTTP/1.1 connection on which the exact bytes of every request are the caller's. */
export class H1Connection implements Connection {
  readonly protocol = "h1";
  readonly #socket: net.Socket;
  readonly #address: Address;
  readonly #wait: WaitOptions;
  readonly #wayIn: WayIn;
  readonly #exchanges: Exchange[] = [];
  readonly #closed = Promise.withResolvers<void>();
  #answered = 0;

  private constructor(
    socket: net.Socket,
    address: Address,
    { wait, wayIn }: { wait: WaitOptions; wayIn: WayIn },
  ) {
    this.#socket = socket;
    this.#address = address;
    this.#wait = wait;
    this.#wayIn = wayIn;
    const reader = new ResponseReader(() => this.#exchanges[this.#answered++]);
    socket.on("data", (bytes: Uint8Array) => {
      try {
        reader.feed(bytes);
      } catch (error) {
        if (!(error instanceof MalformedResponse)) throw error;
        this.#end({ kind: "malformed", at: now(), detail: error.message });
        socket.destroy();
      }
    });
    socket.on("end", () => {
      if (!reader.finish()) this.#end({ kind: "fin", at: now() });
      socket.end();
    });
    socket.on("error", (error: Error & { code?: string }) => {
      const detail = error.code ?? error.message;
      this.#end({ kind: "rst", at: now(), detail });
    });
    socket.on("close", () => {
      this.#end({ kind: "fin", at: now(), detail: "connection closed" });
      this.#closed.resolve();
    });
  }

  /** Connects to the target. */
  static async open(url: string, options: ConnectOptions = {}): Promise<H1Connection> {
    const { ca, identity, wayIn = {}, ...wait } = options;
    const address = addressOf(url, wayIn.host);
    const socket = await openSocket(address, {
      alpn: "http/1.1",
      ...(wayIn.proxyProtocol && { proxyProtocol: true as const }),
      ...(ca !== undefined && { ca }),
      identity,
      ...(wait.signal && { signal: wait.signal }),
    });
    return new H1Connection(socket, address, { wait, wayIn });
  }

  /** Resolves when the connection is gone. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Sends a request; a second one before the first is answered is pipelined. */
  request(asked: RequestSpec): Exchange {
    const spec = dressed(asked, this.#wayIn);
    const { head, body } = encodeRequest(spec, this.#address);
    const exchange = this.#expect(spec);
    this.#socket.write(body.length > 0 ? Buffer.concat([head, body]) : head);
    return exchange;
  }

  /** Sends bytes as they are, and expects one response to them per entry of `methods`. */
  raw(bytes: string | Uint8Array, methods: readonly string[] = ["POST"]): Exchange[] {
    const exchanges = methods.map((method) =>
      this.#expect({ method, path: "(raw)", headers: [], framing: "none" })
    );
    this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    return exchanges;
  }

  /** Closes our write side only (FIN); the response can still come. */
  halfClose(): void {
    this.#socket.end();
  }

  /** Closes the connection. */
  close(): void {
    this.#socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#closed.promise;
  }

  #expect(spec: RequestSpec): Exchange {
    const driver = new H1Driver(this.#socket, declaresLength(spec));
    const exchange = new Exchange("h1", spec, { driver, wait: this.#wait });
    this.#exchanges.push(exchange);
    return exchange;
  }

  #end(end: End): void {
    for (const exchange of this.#exchanges) exchange.ends(end);
  }
}

/** Whether this runtime's sockets keep all bytes over a pause: those of Deno 2.6 lose what was being read. */
export const PAUSE_IS_LOSSLESS = !Deno.version.deno.startsWith("2.6.");

class H1Driver implements ExchangeDriver {
  readonly #socket: net.Socket;
  readonly #plain: boolean;

  constructor(socket: net.Socket, plain: boolean) {
    this.#socket = socket;
    this.#plain = plain;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#send(this.#plain ? bytes : chunk(bytes));
  }

  finish(trailers: HeaderList = []): Promise<void> {
    if (this.#plain) return Promise.resolve();
    return this.#send(Buffer.from(`0\r\n${fieldLines(trailers)}\r\n`, "latin1"));
  }

  abort(kind: "rst" | "fin"): void {
    if (kind === "rst") resetSocket(this.#socket);
    else this.#socket.destroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  // Resolves too when the peer has closed: the response tells why, not the write.
  #send(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed || !this.#socket.writable) resolve();
      else this.#socket.write(bytes, () => resolve());
    });
  }
}

/** Returns the bytes of a request's head, and of its body when it is sent at once. */
function encodeRequest(spec: RequestSpec, address: Address): { head: Buffer; body: Buffer } {
  const given = (name: string) => spec.headers.some(([key]) => key.toLowerCase() === name);
  const body = spec.body === undefined ? undefined : Buffer.from(spec.body as string);
  const framing = spec.framing ?? (spec.manual ? "chunked" : body ? "length" : "none");
  const lines: HeaderList = given("host") ? [] : [["host", address.authority]];
  lines.push(...spec.headers);
  if (framing === "chunked" && !given("transfer-encoding") && !given("content-length")) {
    lines.push(["transfer-encoding", "chunked"]);
  }
  if (framing === "length" && body && !given("content-length")) {
    lines.push(["content-length", String(body.length)]);
  }
  const path = address.prefix + spec.path;
  const head = Buffer.from(`${spec.method} ${path} HTTP/1.1\r\n${fieldLines(lines)}\r\n`, "latin1");
  if (!body || spec.manual) return { head, body: Buffer.alloc(0) };
  if (framing !== "chunked") return { head, body };
  return { head, body: Buffer.concat([chunk(body), Buffer.from("0\r\n\r\n")]) };
}

function declaresLength(spec: RequestSpec): boolean {
  return spec.headers.some(([name]) => name.toLowerCase() === "content-length");
}

function fieldLines(headers: HeaderList): string {
  return headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
}

function chunk(bytes: Uint8Array): Buffer {
  if (bytes.length === 0) return Buffer.alloc(0);
  return Buffer.concat([
    Buffer.from(`${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from("\r\n"),
  ]);
}

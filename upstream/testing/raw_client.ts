/** A client on a raw socket. */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";

/** A raw client's record of one connection: every byte, and how it ended. */
export interface RawAnswer {
  /** Everything received, one character per byte. */
  readonly text: string;
  /** `fin`: the peer closed in order; `rst`: it reset the connection. */
  readonly end: "fin" | "rst" | "open";
}

/** A client on a raw socket, for tests that must see bytes and FIN against RST. */
export class RawClient implements AsyncDisposable {
  readonly socket: Socket;
  #text = "";
  #end: RawAnswer["end"] = "open";
  #look: Set<() => void> = new Set();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Uint8Array) => {
      this.#text += Buffer.from(bytes).toString("latin1");
      this.#wake();
    });
    socket.on("end", () => this.#ended("fin"));
    socket.on("error", (error: Error & { code?: string }) => {
      this.#ended(error.code === "ECONNRESET" ? "rst" : "fin");
    });
    socket.on("close", () => this.#ended("fin"));
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", () => resolve());
      socket.once("error", reject);
    });
    return new RawClient(socket);
  }

  get text(): string {
    return this.#text;
  }

  get end(): RawAnswer["end"] {
    return this.#end;
  }

  /** Sends text, one byte per character. */
  send(text: string): void {
    this.socket.write(Uint8Array.from(text, (c) => c.charCodeAt(0)));
  }

  /** Resolves with what was received when it satisfies `predicate`, or when the peer ends. */
  async until(predicate: (text: string) => boolean): Promise<string> {
    while (!predicate(this.#text) && this.#end === "open") await this.#next();
    return this.#text;
  }

  /** Resolves when the peer has ended the connection. */
  async ended(): Promise<RawAnswer> {
    while (this.#end === "open") await this.#next();
    return { text: this.#text, end: this.#end };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return;
    const closed = new Promise<void>((resolve) => this.socket.once("close", () => resolve()));
    this.socket.destroy();
    await closed;
  }

  #next(): Promise<void> {
    return new Promise((resolve) => this.#look.add(resolve));
  }

  #ended(end: "fin" | "rst"): void {
    if (this.#end === "open") this.#end = end;
    this.#wake();
  }

  #wake(): void {
    const look = [...this.#look];
    this.#look.clear();
    for (const wake of look) wake();
  }
}

/** A whole HTTP/1.1 request as text. */
export function request(
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): string {
  const body = options.body ?? "";
  const headers = { host: "mock", "content-length": String(body.length), ...options.headers };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${options.method ?? "POST"} ${path} HTTP/1.1\r\n${lines}\r\n${body}`;
}

/** Undoes chunked coding of everything after the head; the text must be whole. */
export function chunksOf(text: string): string[] {
  let rest = text.slice(text.indexOf("\r\n\r\n") + 4);
  const chunks: string[] = [];
  while (rest !== "") {
    const line = rest.indexOf("\r\n");
    const size = parseInt(rest.slice(0, line), 16);
    if (!(size > 0)) break;
    chunks.push(rest.slice(line + 2, line + 2 + size));
    rest = rest.slice(line + 2 + size + 2);
  }
  return chunks;
}

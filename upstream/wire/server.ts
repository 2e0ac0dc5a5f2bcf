/** Listens, and finds out which protocol a client speaks. */
import { createServer, type Server, type Socket } from "node:net";
import {
  assertPortFree,
  closeServer,
  keepListening,
  messageOf,
  UnavailableError,
} from "../../service/mod.ts";
import { Http1Connection } from "./http1_connection.ts";
import { H2_PREFACE, Http2Connection } from "./http2_connection.ts";
import type { WireHost } from "./wire.ts";

/** Pending connections: a burst of thousands must not be refused. The kernel caps it. */
const BACKLOG = 16_384;

/**
 * The data port: raw TCP, HTTP/1.1 and HTTP/2 with prior knowledge on one port, told apart by the
 * connection's first bytes.
 */
export class DataServer {
  readonly #host: WireHost;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #listening: Disposable | undefined;
  #connections = 0;

  constructor(host: WireHost) {
    this.#host = host;
  }

  /** How many connections are open now. */
  get open(): number {
    return this.#sockets.size;
  }

  /** How many connections were ever accepted. */
  get accepted(): number {
    return this.#connections;
  }

  /**
   * Listens; resolves with the port. With `shared`, other listeners that ask for the same may have it too, and the
   * kernel spreads connections over them (Linux, SO_REUSEPORT).
   *
   * @throws {UnavailableError} when the port is taken, naming who has it
   */
  async listen(host: string, port: number, shared = false): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#accept(socket);
    });
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host, port, backlog: BACKLOG, reusePort: shared }, () => resolve());
      });
    } catch (error) {
      const what = "the mock upstream";
      if (!shared) await assertPortFree({ host, port, what });
      throw new UnavailableError(`Cannot start ${what} on ${host}:${port}: ${messageOf(error)}`);
    }
    this.#server = server;
    this.#listening = keepListening({
      server,
      listen: (there) => server.listen({ ...there, backlog: BACKLOG, reusePort: shared }),
      // A kept connection may have a request on its way: only those that never sent one make room.
      isIdle: () => false,
    });
    const address = server.address();
    if (address === null || typeof address === "string") {
      throw new TypeError("Cannot read the listener's address: it is not a TCP listener");
    }
    return address.port;
  }

  /** Closes the listener and every connection. Idempotent. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    this.#listening?.[Symbol.dispose]();
    await closeServer(server, this.#sockets);
  }

  #accept(socket: Socket): void {
    const id = ++this.#connections;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    let first: Uint8Array = new Uint8Array(0);
    const onError = () => socket.destroy();
    const onEnd = () => socket.end();
    const sniff = (bytes: Uint8Array) => {
      first = first.length === 0 ? bytes : Uint8Array.from([...first, ...bytes]);
      const http2 = startsLikePreface(first);
      if (http2 === undefined) return;
      socket.off("data", sniff);
      socket.off("error", onError);
      socket.off("end", onEnd);
      if (http2) {
        new Http2Connection(socket, { id, host: this.#host, first });
      } else {
        new Http1Connection(socket, id, this.#host).take(first);
      }
    };
    socket.on("data", sniff);
    socket.on("error", onError);
    socket.on("end", onEnd);
  }
}

/** Bytes that decide: no HTTP/1.1 method starts with "PRI *". */
const DECISIVE = 5;

function startsLikePreface(bytes: Uint8Array): boolean | undefined {
  const length = Math.min(bytes.length, DECISIVE);
  for (let i = 0; i < length; i++) if (bytes[i] !== H2_PREFACE.charCodeAt(i)) return false;
  return bytes.length >= DECISIVE ? true : undefined;
}

/**
 * The fast engine: gRPC on this room's own HTTP/2. It answers several times as many calls as
 * grpc-js, since a unary call costs no stream object, no timer and no write of its own; and it can
 * break an answer on purpose (`WireFault`), which no gRPC library allows.
 */
import net from "node:net";
import tls from "node:tls";
import { closeServer, keepListening, UnavailableError } from "../service/mod.ts";
import type { Engine, EngineOptions } from "./transport.ts";
import type { Method } from "./service.ts";
import { StreamCall } from "./server_call.ts";
import { H2Connection } from "../http2/mod.ts";

/** Messages longer than this need more room on a connection than HTTP/2 has for a peer by default. */
const LONG_BYTES = 32 * 1024 * 1024;
/** Long messages that one connection may bring at once. */
const LONG_MESSAGES = 4;

/** Starts the engine; see `startGrpcServer`. */
export async function startNative(options: EngineOptions): Promise<Engine> {
  const methods = new Map<string, Method>();
  for (const service of options.services) {
    for (const [name, method] of Object.entries(service.methods)) {
      methods.set(`/${service.name}/${name}`, method);
    }
  }
  const connections = new Map<net.Socket, H2Connection>();
  const accept = (socket: net.Socket) => {
    const connection = new H2Connection(socket, {
      ...(options.maxReceiveBytes > LONG_BYTES && {
        maxHeldBytes: LONG_MESSAGES * options.maxReceiveBytes,
      }),
      stream: (stream) => {
        new StreamCall(stream, { methods, maxReceiveBytes: options.maxReceiveBytes });
      },
    });
    connections.set(socket, connection);
    socket.once("close", () => connections.delete(socket));
  };
  const server = options.tls === undefined ? net.createServer(accept) : tls.createServer({
    cert: options.tls.cert,
    key: options.tls.key,
    ALPNProtocols: ["h2"],
    ...(options.tls.clientCa === undefined
      ? {}
      : { ca: options.tls.clientCa, requestCert: true, rejectUnauthorized: true }),
  }, accept);
  if (!(server instanceof net.Server)) {
    // Before Deno 2.9 its listener takes no address, and asks no client for a certificate.
    throw new UnavailableError(
      `Cannot serve TLS on Deno ${Deno.version.deno}: Deno 2.9 or later can`,
    );
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address();
  const listening = keepListening({
    server,
    listen: (there) => server.listen(there),
    isIdle: (socket) => connections.get(socket)?.open === 0,
    onDeaf: options.onDeaf,
  });
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    async stop(graceMs) {
      listening[Symbol.dispose]();
      if (graceMs > 0) {
        server.close();
        for (const connection of connections.values()) connection.goAway();
        await idle(connections.values().toArray(), graceMs);
      }
      await closeServer(server, connections.keys().toArray());
    },
  };
}

/** How often `idle` looks, ms; only a server that is stopping does. */
const LOOK_MS = 10;

/** Resolves when no stream is open, or after `ms`. */
async function idle(connections: readonly H2Connection[], ms: number): Promise<void> {
  const until = performance.now() + ms;
  const busy = () => connections.some(({ open }) => open > 0);
  while (busy() && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  for (const connection of connections) connection.flush();
}

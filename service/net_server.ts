import type { Server, Socket } from "node:net";
import { delay } from "./deadline.ts";

/**
 * How long the listener's own end is waited for once every connection is gone, in milliseconds. Deno up to 2.6 never
 * reports it when a connection had ended by itself before; the listener is closed all the same.
 */
const LISTENER_MS = 50;

/** Breaks a connection with a TCP RST; with a FIN where the runtime cannot ask for one (Deno before 2.9), and says so. */
export function resetSocket(socket: Socket): "rst" | "fin" {
  if ("resetAndDestroy" in socket) {
    socket.resetAndDestroy();
    return "rst";
  }
  (socket as Socket).destroy();
  return "fin";
}

/** Closes a listener and every connection of it. Resolves when they are gone, and the port is free. */
export async function closeServer(server: Server, sockets: Iterable<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  await Promise.all([...sockets].map((socket) =>
    new Promise<void>((resolve) => {
      if (socket.destroyed) return resolve();
      socket.once("close", () => resolve());
      socket.destroy();
    })
  ));
  const given = new AbortController();
  await Promise.race([closed, delay(LISTENER_MS, given.signal).catch(() => {})]);
  given.abort();
}

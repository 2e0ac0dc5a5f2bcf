/** Closes servers of node:net, with their connections. */
import type { AddressInfo, Server, Socket } from "node:net";
import { delay } from "./deadline.ts";

/**
 * How long the listener's own end is waited for once every connection is gone, in milliseconds. Deno up to 2.6 never
 * reports it when a connection had ended by itself before; the listener is closed all the same.
 */
const LISTENER_MS = 50;

/**
 * How long a closed listener may go on accepting, in milliseconds. When another thread starts a process, it forks first,
 * and the fork holds a copy of every socket until it has become the other program: some milliseconds, more when busy.
 */
const FORK_MS = 5_000;

/** Breaks a connection with a TCP RST; with a FIN where the runtime cannot ask for one (Deno before 2.9), and says so. */
export function resetSocket(socket: Socket): "rst" | "fin" {
  if ("resetAndDestroy" in socket) {
    socket.resetAndDestroy();
    return "rst";
  }
  (socket as Socket).destroy();
  return "fin";
}

/**
 * Closes a listener and every connection of it. Resolves when they are gone, and the port is free: connections to it are
 * refused, and it can be listened on again.
 */
export async function closeServer(server: Server, sockets: Iterable<Socket>): Promise<void> {
  const address = server.address();
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
  if (address !== null && typeof address === "object") await untilRefused(address);
}

/** Resolves when nobody accepts connections there, or when it is clear that somebody else listens there now. */
async function untilRefused({ address, port }: AddressInfo): Promise<void> {
  const until = performance.now() + FORK_MS;
  while (await accepts(address, port) && performance.now() < until) await delay(1);
}

async function accepts(hostname: string, port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname, port })).close();
    return true;
  } catch (error) {
    // Accepted, and reset by the end of the copy: before, or while, the runtime asked for the peer's name.
    return error instanceof Deno.errors.ConnectionReset ||
      error instanceof Deno.errors.NotConnected;
  }
}

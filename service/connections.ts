/** Connections of listeners, within the files that the system lets this process have open. */
import { connect, type Server, type Socket } from "node:net";
import { delay } from "./deadline.ts";

/** A listener's server, and how it tells which of its connections has nothing to do. */
export interface Listening {
  readonly server: Server;
  /** Opens the listener again on the address that it had; called when it has closed. */
  listen(address: { readonly host: string; readonly port: number }): void;
  /** Whether nothing is asked or answered on a connection now. */
  isIdle(socket: Socket): boolean;
  /** Called when the listener cannot hear, for want of open files, and when it can again. */
  onDeaf?(deaf: boolean): void;
}

/** Share of the files that connections may be, in a process that has others open, too. */
const SHARE = 0.75;
/** Time between two looks at listeners that may have gone deaf, milliseconds. */
const LOOK_MS = 500;
/** Time until a closed listener is opened again, milliseconds: the runtime closes it later than it says. */
const LISTEN_AGAIN_MS = 20;
/** How long a listener may take to accept, milliseconds, before it counts as deaf. */
const ACCEPT_MS = 1_000;

/** Every connection of every listener of this thread, oldest first. */
const open = new Map<Socket, Listening>();
/** Listeners, and who waits for a connection of ours to be accepted: by its port. */
const listeners = new Map<Listening, Map<number, () => void>>();
let limit: number | undefined;
/** Whether connections were many since the last look. */
let isSuspect = false;
let looking: ReturnType<typeof setTimeout> | undefined;

/**
 * Keeps a listener hearing whatever connects to it: beyond three quarters of the files that may be open, the oldest
 * connection that never sent a byte makes room, then the oldest idle one, and a new one is closed where none is. The
 * runtime stops accepting for ever, and without a word, when files run out all the same; so a listener is tried while
 * connections are many, and opened anew when it does not accept. Returns what ends that; the connections stay.
 */
export function keepListening(listening: Listening): Disposable {
  const { server } = listening;
  const waiting = new Map<number, () => void>();
  const most = Math.floor(openFilesLimit() * SHARE);
  const accept = (socket: Socket) => {
    const ours = waiting.get(socket.remotePort ?? 0);
    if (ours !== undefined) ours();
    open.set(socket, listening);
    socket.once("close", () => open.delete(socket));
    if (open.size <= most) return;
    makeRoom(socket);
    isSuspect = true;
    looking ??= setTimeout(() => void look(), LOOK_MS);
  };
  server.prependListener("connection", accept);
  listeners.set(listening, waiting);
  return {
    [Symbol.dispose]() {
      server.off("connection", accept);
      listeners.delete(listening);
      if (listeners.size > 0) return;
      clearTimeout(looking);
      looking = undefined;
    },
  };
}

/** Tries every listener while connections are many, and once more when they no longer are. Never rejects. */
async function look(): Promise<void> {
  isSuspect = false;
  const heard = await Promise.all([...listeners].map(async ([listening, waiting]) => {
    if (!listening.server.listening || await accepts(listening.server, waiting)) return true;
    // What cannot be opened now is tried again at the next look.
    if (listeners.has(listening)) await listenAnew(listening).catch(() => {});
    return false;
  }));
  const again = isSuspect || heard.includes(false);
  looking = again && listeners.size > 0 ? setTimeout(() => void look(), LOOK_MS) : undefined;
}

/**
 * How many files this process may have open (`ulimit -n`); `Infinity` where the system does not say. Remembered from the
 * first call: later the file may not be readable, for want of the permission (Deno wants all of them for it) or of files.
 */
export function openFilesLimit(): number {
  return limit ??= readLimit();
}

function readLimit(): number {
  try {
    const text = Deno.readTextFileSync("/proc/self/limits");
    return Number(/^Max open files +(\d+)/m.exec(text)?.[1] ?? Infinity);
  } catch {
    return Infinity;
  }
}

function makeRoom(newest: Socket): void {
  let idle: Socket | undefined;
  for (const [socket, { isIdle }] of open) {
    if (socket === newest) continue;
    if (socket.bytesRead === 0) return close(socket);
    if (idle === undefined && isIdle(socket)) idle = socket;
  }
  close(idle ?? newest);
}

/** Its place is free at once: "close" comes later than the next connection of a burst, which must close another. */
function close(socket: Socket): void {
  open.delete(socket);
  socket.destroy();
}

/** Whether a connection of ours is accepted in time; also false when there is no file left for it. */
async function accepts(server: Server, waiting: Map<number, () => void>): Promise<boolean> {
  const address = server.address();
  if (address === null || typeof address === "string") return true;
  const host = address.address === "0.0.0.0" || address.address === "::" ? "" : address.address;
  const heard = Promise.withResolvers<boolean>();
  const socket = connect({ host: host || "127.0.0.1", port: address.port });
  const timer = setTimeout(() => heard.resolve(false), ACCEPT_MS);
  socket.once("error", () => heard.resolve(false));
  socket.once("connect", () => waiting.set(socket.localPort ?? 0, () => heard.resolve(true)));
  try {
    return await heard.promise;
  } finally {
    clearTimeout(timer);
    waiting.delete(socket.localPort ?? 0);
    socket.destroy();
  }
}

async function listenAnew(listening: Listening): Promise<void> {
  const { server } = listening;
  const address = server.address();
  if (address === null || typeof address === "string") return;
  listening.onDeaf?.(true);
  server.close();
  while (listeners.has(listening) && !server.listening) {
    const opened = Promise.withResolvers<boolean>();
    const failed = () => opened.resolve(false);
    server.once("error", failed);
    server.once("listening", () => opened.resolve(true));
    await delay(LISTEN_AGAIN_MS);
    listening.listen({ host: address.address, port: address.port });
    const done = await opened.promise;
    server.off("error", failed);
    if (done) listening.onDeaf?.(false);
  }
}

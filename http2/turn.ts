/** A turn per connection, so that one peer cannot keep the others waiting. */
import type { Socket } from "node:net";

/** Deno 2.6 loses bytes of a socket that is paused while it reads; 2.9 does not. */
const [MAJOR = 0, MINOR = 0] = Deno.version.deno.split(".").map(Number);
const CAN_PAUSE = MAJOR > 2 || MINOR >= 9;

/** Stops reading from a socket, where the runtime keeps what comes meanwhile. */
export function pauseReading(socket: Socket): void {
  if (CAN_PAUSE) socket.pause();
}

/** How long what is read may keep the thread before others have their turn, ms. */
const TURN_MS = 2;

/** When the turn at hand began; undefined before the first read of a turn. */
let began: number | undefined;

/**
 * Stops reading from a socket until the other connections have had their turn, when this turn is over; `resume` goes
 * on. The runtime takes the next bytes of a socket that has some at once: a peer that always sends would be the only
 * one heard.
 */
export function yieldTurn(socket: Socket, resume: () => void): void {
  const now = performance.now();
  if (began === undefined) {
    began = now;
    setImmediate(() => began = undefined);
  } else if (now - began > TURN_MS) {
    pauseReading(socket);
    setImmediate(resume);
  }
}

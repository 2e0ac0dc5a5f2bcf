/** A turn per connection, so that one peer cannot keep the others waiting. */
import type { Socket } from "node:net";

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
    socket.pause();
    setImmediate(resume);
  }
}

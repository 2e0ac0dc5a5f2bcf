import { now } from "../service/mod.ts";

/** How long one exchange may hold the thread, in milliseconds: some 700 events with a write each. */
const TURN_MS = 2;
/** Steps between two looks at the clock. */
const LOOK_EVERY = 64;

/**
 * The turn of one exchange that waits for nothing: it gives way to other connections by time and not by count, because
 * writes that follow each other on one connection cost the kernel a third less than writes in turn on many.
 */
export class Turn {
  #since = now();
  #steps = 0;

  /** Counts a step; a promise when others have to get their turn first. */
  step(): Promise<void> | undefined {
    if (++this.#steps % LOOK_EVERY !== 0 || now() - this.#since < TURN_MS) return undefined;
    return this.#give();
  }

  // Apart from step(), which is called for every event: a function with a closure has its scope made at each call.
  #give(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#since = now();
        resolve();
      });
    });
  }
}

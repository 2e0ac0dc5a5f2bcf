/** Yields the thread, so that one long answer does not hold up the others. */
import { now } from "../../service/mod.ts";

/** How long one exchange may hold the thread, in milliseconds: some 700 events with a write each. */
const SLICE_MS = 2;
/** Steps between two looks at the clock. */
const LOOK_EVERY = 64;

/**
 * Yields to other connections after a slice of time, for an exchange that otherwise waits for nothing. By time and not
 * by count: consecutive writes on one connection cost the kernel a third less than writes that alternate among many.
 */
export class FairYield {
  #since = now();
  #steps = 0;

  /** Counts a step; returns a promise when the slice is over and others have to run first. */
  step(): Promise<void> | undefined {
    if (++this.#steps % LOOK_EVERY !== 0 || now() - this.#since < SLICE_MS) return undefined;
    return this.#yield();
  }

  // Kept out of step(): a function that contains a closure allocates on every call, and step() runs once per event.
  #yield(): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#since = now();
        resolve();
      });
    });
  }
}

/** What is added to this thread's own clock, milliseconds. */
let ahead = 0;

/**
 * Returns monotonic milliseconds, with a fraction. Every journal of a process uses this one clock,
 * so that times of different witnesses can be compared.
 */
export function now(): number {
  return performance.now() + ahead;
}

/** Lets {@linkcode now} of this thread, whose own clock started later, agree with another thread's. */
export function alignClock(milliseconds: number): void {
  ahead = milliseconds;
}

/** Clock and order of events, for every thread of a process. */

/** Offset of this thread's own clock, milliseconds. */
let ahead = 0;

/** The last number of the sequence, in memory that all threads share. */
let sequence = new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));

/**
 * Returns monotonic milliseconds, with a fraction. Every journal of a process uses this one clock. Times of different
 * threads agree within half of a message's round trip: they are good for durations and for showing, and order nothing.
 */
export function now(): number {
  return performance.now() + ahead;
}

/**
 * Returns the next number of the one sequence of all threads, from 1 on. What takes its number before it has an effect
 * has a lower one than whatever takes its number after the effect was seen, in whichever thread, and whatever a clock says.
 */
export function nextOrder(): number {
  return Number(Atomics.add(sequence, 0, 1n)) + 1;
}

/** The sequence of this thread, for another one to take part in. */
export function sharedSequence(): SharedArrayBuffer {
  return sequence.buffer as SharedArrayBuffer;
}

/** Lets {@linkcode now} and {@linkcode nextOrder} of this thread, which began later, agree with another thread's. */
export function followClock(other: { ahead: number; sequence: SharedArrayBuffer }): void {
  ahead += other.ahead;
  sequence = new BigInt64Array(other.sequence);
}

/** Deadlines that count the program's own time. */
import { UnavailableError } from "./errors.ts";

/** Returns a signal that aborts after `ms` milliseconds, or when `signal` does. */
export function deadlineSignal(ms: number, signal?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(ms);
  return signal ? AbortSignal.any([timeout, signal]) : timeout;
}

/** Pieces in which a deadline is counted, milliseconds, and from when on one of them came late. */
const PIECE_MS = 250;
const LATE_MS = 50;

/** A deadline lasts at most so many times as long as it says. */
const MOST = 5;

/** Milliseconds that never go back, and calls after some of them. */
export interface Timers {
  now(): number;
  /** Calls back once, unless the returned function is called before. */
  after(ms: number, call: () => void): () => void;
}

const OWN_TIMERS: Timers = {
  now: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/**
 * Calls `act` after `ms` milliseconds of this thread's own time, unless disposed before. On a machine that has more to do
 * than it can, a thread stands still for seconds; then a timer is due before what was waited for is read, although that
 * may have come long ago. The time is counted in pieces, and one whose timer comes late counts for nothing, until five
 * times `ms` are over.
 */
export function startDeadline(
  ms: number,
  act: () => void,
  timers: Timers = OWN_TIMERS,
): Disposable {
  const latest = timers.now() + ms * MOST;
  let left = ms;
  let cancel: () => void;
  let isOver = false;
  const next = () => {
    const piece = Math.min(left, PIECE_MS);
    const due = timers.now() + piece;
    cancel = timers.after(piece, () => {
      // Deno 2.6 runs a timer that was due before it was cleared.
      if (isOver) return;
      const at = timers.now();
      if (at - due < LATE_MS) left -= piece;
      if (left <= 0 || at >= latest) act();
      else next();
    });
  };
  next();
  return {
    [Symbol.dispose]() {
      isOver = true;
      cancel();
    },
  };
}

/**
 * Waits for `promise`, at most `ms` milliseconds of this thread's own time (see {@linkcode startDeadline}).
 *
 * @throws {UnavailableError} `<what>: not done within <ms> ms`, when the time is over
 * @throws the reason of `signal`, when it aborts first
 */
export async function withDeadline<T>(
  promise: Promise<T>,
  ms: number,
  what: string,
  signal?: AbortSignal,
): Promise<T> {
  const over = Promise.withResolvers<never>();
  using _ = startDeadline(
    ms,
    () => over.reject(new UnavailableError(`${what}: not done within ${ms} ms`)),
  );
  const onAbort = () => over.reject(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, over.promise]);
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Waits `ms` milliseconds; rejects with the signal's reason when it aborts before. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

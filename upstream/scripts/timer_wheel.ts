/** Sleeps of many scripts with few timers. */
import { now } from "../../service/mod.ts";

/** Sleeps up to this long are not woken by a signal: a listener costs more than the wait. */
const UNINTERRUPTED_MS = 100;

interface Entry {
  readonly run: () => void;
  cancelled: boolean;
}

/**
 * Many sleepers, one timer: entries lie in buckets of one millisecond, and a single `setTimeout`
 * is armed for the earliest. Ten thousand paced streams cost one timer instead of ten thousand.
 */
export class TimerWheel {
  readonly #buckets = new Map<number, Entry[]>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #armedFor = Infinity;

  /**
   * Resolves after `ms`, or soon after the signal aborts (the caller looks at the signal). Zero or
   * less uses no timer: a `setTimeout(0)` costs 2 ms per event.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void> | undefined {
    if (!(ms > 0) || signal?.aborted) return undefined;
    return new Promise((resolve) => {
      const due = Math.ceil(now() + ms);
      const entry: Entry = {
        cancelled: false,
        run: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        entry.cancelled = true;
        resolve();
      };
      if (ms > UNINTERRUPTED_MS) signal?.addEventListener("abort", onAbort, { once: true });
      const bucket = this.#buckets.get(due);
      if (bucket) bucket.push(entry);
      else this.#buckets.set(due, [entry]);
      if (due < this.#armedFor) this.#arm(due);
    });
  }

  /** Wakes every sleeper at once, for shutdown. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#armedFor = Infinity;
    const buckets = [...this.#buckets.values()];
    this.#buckets.clear();
    for (const entry of buckets.flat()) if (!entry.cancelled) entry.run();
  }

  #arm(due: number): void {
    clearTimeout(this.#timer);
    this.#armedFor = due;
    this.#timer = setTimeout(() => this.#fire(), Math.max(0, due - now()));
  }

  #fire(): void {
    const time = now();
    let earliest = Infinity;
    const late: number[] = [];
    for (const due of this.#buckets.keys()) {
      if (due <= time) late.push(due);
      else if (due < earliest) earliest = due;
    }
    late.sort((a, b) => a - b);
    this.#armedFor = Infinity;
    for (const due of late) {
      const bucket = this.#buckets.get(due) ?? [];
      this.#buckets.delete(due);
      for (const entry of bucket) if (!entry.cancelled) entry.run();
    }
    if (earliest < this.#armedFor) this.#arm(earliest);
  }
}

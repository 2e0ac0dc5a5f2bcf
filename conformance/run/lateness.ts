/** Measures how late the suite's own thread is. */
import { now } from "../../service/mod.ts";

/** How often it looks, and from when on lateness is worth remembering, milliseconds. */
const EVERY_MS = 10;
const SHORT_MS = 10;

/** Times that are remembered: more than a run of an hour has on a busy machine. */
const REMEMBERED = 50_000;

/**
 * Notices when this thread stands still: a timer that is due comes late. What a case measures with its own clock, while
 * that happens, is the machine and not the target.
 */
export class Lateness implements Disposable {
  readonly #timer = setInterval(() => this.#look(), EVERY_MS);
  readonly #clock: () => number;
  #due: number;
  #times: { readonly at: number; readonly ms: number }[] = [];

  /** Begins to look; `clock` tells milliseconds and never goes back. */
  constructor(clock: () => number = now) {
    this.#clock = clock;
    this.#due = clock() + EVERY_MS;
  }

  /** Returns the longest time that the thread was late since `time`, milliseconds. */
  worstSince(time: number): number {
    this.#look();
    let worst = 0;
    for (let i = this.#times.length - 1; i >= 0; i--) {
      const late = this.#times[i];
      if (late === undefined || late.at < time) break;
      worst = Math.max(worst, late.ms);
    }
    return worst;
  }

  #look(): void {
    const at = this.#clock();
    const ms = at - this.#due;
    this.#due = at + EVERY_MS;
    if (ms < SHORT_MS) return;
    this.#times.push({ at, ms });
    if (this.#times.length > 2 * REMEMBERED) this.#times = this.#times.slice(-REMEMBERED);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

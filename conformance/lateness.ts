import { now } from "../service/mod.ts";

/** How often it looks, milliseconds. */
const EVERY_MS = 10;

/**
 * Notices when this thread stands still: a timer that is due comes late. What a case measures with its own clock, while
 * that happens, is the machine and not the target.
 */
export class Lateness implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;
  #due = now() + EVERY_MS;
  #worst = 0;

  constructor() {
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
  }

  /** Returns the longest time that the thread was late since it was last asked, milliseconds, and forgets it. */
  take(): number {
    this.#look();
    const worst = this.#worst;
    this.#worst = 0;
    return worst;
  }

  #look(): void {
    const at = now();
    this.#worst = Math.max(this.#worst, at - this.#due);
    this.#due = at + EVERY_MS;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

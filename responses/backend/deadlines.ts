/** Deadlines that are all equally long: a timer for the earliest alone, where one each would cost more than is timed. */

/** A wait that is over when its time is, or when the caller's signal aborts. */
export interface Deadline {
  /** Aborts then; for what is waited for, and what comes of it. */
  readonly signal: AbortSignal;
  /** Whether it was the time that ran out. */
  readonly passed: boolean;
  /** Stops the deadline: what was waited for is there, or will not come. */
  met(): void;
  /** Aborts the signal: the result is no longer wanted. */
  giveUp(): void;
}

/** Deadlines of `ms` milliseconds. Disposing it stops the timer: what is open then has no end. */
export class Deadlines implements Disposable {
  readonly #ms: number;
  /** In the order in which they pass. */
  readonly #open = new Set<OpenDeadline>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number) {
    this.#ms = ms;
  }

  start(outer: AbortSignal): Deadline {
    const deadline = new OpenDeadline(performance.now() + this.#ms, outer, (met) => {
      this.#open.delete(met);
    });
    if (outer.aborted) return deadline;
    this.#open.add(deadline);
    this.#timer ??= this.#timerFor(deadline);
    return deadline;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#open.clear();
  }

  #timerFor({ due }: OpenDeadline): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.#pass(), Math.max(1, due - performance.now()));
  }

  #pass(): void {
    const reached = performance.now();
    this.#timer = undefined;
    for (const deadline of this.#open) {
      if (deadline.due > reached) {
        this.#timer = this.#timerFor(deadline);
        return;
      }
      this.#open.delete(deadline);
      deadline.pass();
    }
  }
}

/** Made once: a stack costs more than all else here. */
const GIVEN_UP = new Error("the answer is not wanted any more");

class OpenDeadline implements Deadline {
  /** `performance.now()`. */
  readonly due: number;
  passed = false;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #onMet: (met: OpenDeadline) => void;

  constructor(due: number, outer: AbortSignal, onMet: (met: OpenDeadline) => void) {
    this.due = due;
    this.#outer = outer;
    this.#onMet = onMet;
    if (outer.aborted) this.#leave();
    else outer.addEventListener("abort", this.#leave, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  met(): void {
    this.#onMet(this);
  }

  giveUp(): void {
    this.met();
    this.#outer.removeEventListener("abort", this.#leave);
    this.#controller.abort(GIVEN_UP);
  }

  pass(): void {
    this.passed = true;
    this.#controller.abort(new Error("the deadline has passed"));
  }

  readonly #leave = (): void => {
    this.met();
    this.#controller.abort(this.#outer.reason);
  };
}

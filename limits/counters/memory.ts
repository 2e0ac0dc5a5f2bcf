/** Counters in memory, and the base of those that are also kept elsewhere. */
import { type CounterStore, fits, type Take, type Taken } from "./store.ts";

interface Counter {
  used: number;
  expiresAt: number;
}

/** Additions between two looks for counters that can be forgotten. */
const SWEEP_EVERY = 4_096;

/** Counters that live as long as the process. */
export class MemoryCounters implements CounterStore {
  readonly place: string = "memory";
  protected readonly counters = new Map<string, Counter>();
  readonly #now: () => number;
  #additions = 0;

  /** @param now the time in milliseconds since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  take(takes: readonly Take[]): Taken | Promise<Taken> {
    const used = takes.map(({ counter }) => this.counters.get(counter)?.used ?? 0);
    if (!takes.every((take, index) => fits(take, used[index] ?? 0))) {
      return { granted: false, used };
    }
    const kept = this.#add(takes, true);
    const taken = {
      granted: true,
      used: takes.map(({ amount }, index) => (used[index] ?? 0) + amount),
    };
    return kept === undefined ? taken : kept.then(() => taken);
  }

  add(adds: readonly Omit<Take, "max">[]): undefined | Promise<void> {
    return this.#add(adds, false);
  }

  #add(adds: readonly Omit<Take, "max">[], awaited: boolean): undefined | Promise<void> {
    const spent = adds.filter(({ amount }) => amount > 0);
    if (spent.length === 0) return undefined;
    for (const { counter, amount, expiresAt } of spent) {
      const known = this.counters.get(counter);
      if (known === undefined) this.counters.set(counter, { used: amount, expiresAt });
      else known.used += amount;
    }
    const kept = this.keep(spent, awaited);
    this.#additions += spent.length;
    if (this.#additions >= SWEEP_EVERY) this.#sweep();
    return kept;
  }

  #sweep(): void {
    this.#additions = 0;
    const now = this.#now();
    for (const [name, { expiresAt }] of this.counters) {
      if (expiresAt <= now) this.counters.delete(name);
    }
    this.forget(now);
  }

  /**
   * Keeps additions elsewhere; the promise, where there is one, is fulfilled when they are kept.
   * `awaited`: a request waits for it.
   */
  protected keep(
    _adds: readonly Omit<Take, "max">[],
    _awaited: boolean,
  ): undefined | Promise<void> {
    return undefined;
  }

  /** Forgets what has expired elsewhere. */
  protected forget(_now: number): void {}

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

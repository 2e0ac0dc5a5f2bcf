/** Where the counters of budgets are kept: what every place can do. */

/** A wish to add to a counter, as long as it stays within its limit. */
export interface Take {
  readonly counter: string;
  /** Amount to add; 0 only asks whether anything is left. */
  readonly amount: number;
  readonly max: number;
  /** When the counter can be forgotten, in milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Result of a {@linkcode CounterStore.take}. */
export interface Taken {
  /** Whether every amount was added; none was otherwise. */
  readonly granted: boolean;
  /** The counters' values now, in the order of the wishes. */
  readonly used: readonly number[];
}

/** Counters by name. What it has answered is kept as well as the place can keep it. */
export interface CounterStore extends AsyncDisposable {
  /** Its name for people: `memory`, a file, or a server. */
  readonly place: string;
  /** Adds all amounts in one step when each fits, or none. */
  take(takes: readonly Take[]): Taken | Promise<Taken>;
  /** Adds amounts whatever the limit: what is spent is spent. */
  add(adds: readonly Omit<Take, "max">[]): undefined | Promise<void>;
}

/** Whether an amount fits: something must be left, and the amount within it. */
export function fits({ amount, max }: Pick<Take, "amount" | "max">, used: number): boolean {
  return used < max && used + amount <= max;
}

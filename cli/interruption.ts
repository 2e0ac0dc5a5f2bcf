/** Signals of the system: the first ends a run, another one ends its grace. */

/** POSIX: a program ended by a signal is reported as 128 plus the signal's number. */
const SIGNAL_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** The signals that end a run. */
export const SIGNALS = Object.keys(SIGNAL_CODES) as (keyof typeof SIGNAL_CODES)[];

/**
 * A terminal sends Ctrl-C to every process of the group, and `npx`, npm and `deno task` pass on what they get: one key
 * press arrives once for each of them, within milliseconds. A person who presses again takes longer, milliseconds.
 */
const ONE_KEY_PRESS_MS = 500;

/** Tells the first signal of a run, and a second one that somebody meant. */
export class Interruption {
  #first: { readonly signal: string; readonly at: number } | undefined;
  #code: number | undefined;

  /** Exit code of the interrupted run; undefined before the first signal. */
  get code(): number | undefined {
    return this.#code;
  }

  /** Classifies a signal that came at `at`, in milliseconds of a clock that is never set. */
  arrive(signal: keyof typeof SIGNAL_CODES, at: number): "first" | "copy" | "second" {
    if (this.#first === undefined) {
      this.#first = { signal, at };
      this.#code = SIGNAL_CODES[signal];
      return "first";
    }
    const isCopy = signal === this.#first.signal && at - this.#first.at < ONE_KEY_PRESS_MS;
    return isCopy ? "copy" : "second";
  }
}

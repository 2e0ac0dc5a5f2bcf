/** Barriers: places where one side waits until the other lets it pass. */
import { withDeadline } from "./deadline.ts";

const DEFAULT_WAIT_MS = 30_000;

interface Gate {
  arrivals: number;
  releases: number;
  readonly blocked: Array<() => void>;
  readonly watchers: Set<() => void>;
}

/**
 * Named barriers for lock-step: one side arrives and blocks, the other releases it.
 *
 * Arrivals and releases are counted, so neither has to come first: a release before its arrival
 * lets that arrival pass at once.
 */
export class Barriers {
  readonly #gates = new Map<string, Gate>();
  #open = false;

  /** Blocks until this arrival is released; rejects with the signal's reason when it aborts. */
  arrive(name: string, signal?: AbortSignal): Promise<void> {
    if (this.#open) return Promise.resolve();
    if (signal?.aborted) return Promise.reject(signal.reason);
    const gate = this.#gate(name);
    gate.arrivals++;
    for (const look of gate.watchers) look();
    if (gate.releases > 0) {
      gate.releases--;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const pass = () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = () => {
        const index = gate.blocked.indexOf(pass);
        if (index >= 0) gate.blocked.splice(index, 1);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      gate.blocked.push(pass);
    });
  }

  /** Lets one arrival pass: the oldest that is blocked, or else the next to come. */
  release(name: string): void {
    const gate = this.#gate(name);
    const pass = gate.blocked.shift();
    if (pass) pass();
    else gate.releases++;
  }

  /**
   * Resolves when `count` (default 1) arrivals have happened in total.
   *
   * @throws {UnavailableError} when they have not within `deadlineMs` (default 30 s)
   */
  async arrival(
    name: string,
    options: { count?: number; deadlineMs?: number; signal?: AbortSignal } = {},
  ): Promise<void> {
    const gate = this.#gate(name);
    const count = options.count ?? 1;
    if (gate.arrivals >= count) return;
    const reached = Promise.withResolvers<void>();
    const look = () => {
      if (gate.arrivals >= count) reached.resolve();
    };
    gate.watchers.add(look);
    try {
      const ms = options.deadlineMs ?? DEFAULT_WAIT_MS;
      await withDeadline(reached.promise, ms, `Wait at barrier "${name}"`, options.signal);
    } finally {
      gate.watchers.delete(look);
    }
  }

  /** Returns how many arrivals at `name` are blocked now. */
  blocked(name: string): number {
    return this.#gates.get(name)?.blocked.length ?? 0;
  }

  /** Forgets every barrier whose name starts with `prefix`, and lets its arrivals pass. */
  forget(prefix: string): void {
    for (const [name, gate] of this.#gates) {
      if (!name.startsWith(prefix)) continue;
      this.#gates.delete(name);
      for (const pass of gate.blocked.splice(0)) pass();
    }
  }

  /** Opens every barrier for good, for shutdown. */
  releaseAll(): void {
    this.#open = true;
    this.forget("");
  }

  #gate(name: string): Gate {
    let gate = this.#gates.get(name);
    if (!gate) {
      gate = { arrivals: 0, releases: 0, blocked: [], watchers: new Set() };
      this.#gates.set(name, gate);
    }
    return gate;
  }
}

/** Responses that run in this process: what stops them, and what they have said so far. */
import type { ResponseEvent } from "../api/events.ts";
import type { Tenant } from "../api/tenant.ts";

/** The events of one response, to be read from any point, while they come and afterwards. */
export class EventLog {
  readonly #batches: (readonly ResponseEvent[])[] = [];
  #over = false;
  #waiting: PromiseWithResolvers<void> | undefined;

  add(events: readonly ResponseEvent[]): void {
    this.#batches.push(events);
    this.#wake();
  }

  end(): void {
    this.#over = true;
    this.#wake();
  }

  /** Yields the events after this sequence number, and then what comes, to the end. */
  async *read(after: number): AsyncGenerator<readonly ResponseEvent[]> {
    for (let i = 0;; i++) {
      while (i >= this.#batches.length) {
        if (this.#over) return;
        this.#waiting ??= Promise.withResolvers();
        await this.#waiting.promise;
      }
      const wanted = this.#batches[i]?.filter(({ sequence_number }) => sequence_number > after);
      if (wanted !== undefined && wanted.length > 0) yield wanted;
    }
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}

/** A response that runs, or has just ended. */
export interface Live {
  readonly abort: AbortController;
  readonly log: EventLog;
  /** Resolves when it has ended and is stored. */
  readonly ended: Promise<void>;
}

/** How long, in milliseconds, the events of a response that has ended can still be read. */
const KEPT_MS = 300_000;

/** Background responses by tenant and id. Disposing it forgets them; it stops none. */
export class LiveResponses implements Disposable {
  readonly #live = new Map<string, Live>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  add(tenant: Tenant, id: string, live: Live): void {
    const key = keyOf(tenant, id);
    this.#live.set(key, live);
    const over = () => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#live.delete(key);
      }, KEPT_MS);
      Deno.unrefTimer(timer);
      this.#timers.add(timer);
    };
    live.ended.then(over, over);
  }

  get(tenant: Tenant, id: string): Live | undefined {
    return this.#live.get(keyOf(tenant, id));
  }

  delete(tenant: Tenant, id: string): void {
    this.#live.delete(keyOf(tenant, id));
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#live.clear();
  }
}

function keyOf(tenant: Tenant, id: string): string {
  return JSON.stringify([tenant, id]);
}

/** Ids remembered; older ones start at 1 again. */
const LIMIT = 20_000;

/** Counts the requests that carry the same id: a gateway that retries keeps `x-request-id`. */
export class AttemptCounter {
  readonly #counts = new Map<string, number>();

  /** Returns 1 for an id's first request, 2 for its second, …; always 1 without an id. */
  next(id: string | undefined): number {
    if (id === undefined) return 1;
    const count = (this.#counts.get(id) ?? 0) + 1;
    this.#counts.set(id, count);
    if (this.#counts.size > LIMIT) {
      const oldest = this.#counts.keys().next().value;
      if (oldest !== undefined) this.#counts.delete(oldest);
    }
    return count;
  }
}

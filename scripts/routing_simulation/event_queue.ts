/** A clock that jumps: what is due next is done next. */
export class EventQueue {
  /** A binary heap; events of one moment are done in the order in which they were set. */
  readonly #heap: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  #now = 0;

  /** Milliseconds from the beginning. */
  get now(): number {
    return this.#now;
  }

  /** Does something at a time that is not over yet. */
  at(at: number, run: () => void): void {
    const heap = this.#heap;
    heap.push({ at, order: this.#order++, run });
    for (let child = heap.length - 1; child > 0;) {
      const parent = child - 1 >> 1;
      if (!this.#before(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  /** Does everything, and what is set meanwhile, until nothing is left. */
  run(): void {
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      this.#now = next.at;
      next.run();
    }
  }

  #take() {
    const heap = this.#heap;
    if (heap.length > 1) this.#swap(0, heap.length - 1);
    const first = heap.pop();
    for (let parent = 0;;) {
      const left = 2 * parent + 1;
      let least = left;
      if (left >= heap.length) break;
      if (left + 1 < heap.length && this.#before(left + 1, left)) least = left + 1;
      if (!this.#before(least, parent)) break;
      this.#swap(least, parent);
      parent = least;
    }
    return first;
  }

  #before(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined) return false;
    return one.at < other.at || one.at === other.at && one.order < other.order;
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined) return;
    this.#heap[a] = other;
    this.#heap[b] = one;
  }
}

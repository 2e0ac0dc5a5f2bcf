/** The `limit` highest scores that were offered: a heap with the lowest of them on top. */
export class Best {
  readonly #limit: number;
  readonly #keys: number[] = [];
  readonly #scores: number[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Scores at or below this are not kept: −∞ until there are `limit` of them. */
  get floor(): number {
    return this.#keys.length < this.#limit ? -Infinity : this.#scores[0] ?? -Infinity;
  }

  offer(key: number, score: number): void {
    if (score <= this.floor) return;
    if (this.#keys.length < this.#limit) {
      this.#keys.push(key);
      this.#scores.push(score);
      this.#up(this.#keys.length - 1);
    } else {
      this.#keys[0] = key;
      this.#scores[0] = score;
      this.#down();
    }
  }

  /** Best first; of equal scores the lower key first. */
  ranking(): { key: number; score: number }[] {
    return this.#keys.map((key, index) => ({ key, score: this.#scores[index] ?? 0 }))
      .sort((a, b) => b.score - a.score || a.key - b.key);
  }

  #up(index: number): void {
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#score(parent) <= this.#score(index)) return;
      this.#swap(parent, index);
      index = parent;
    }
  }

  #down(): void {
    for (let index = 0;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      let lowest = index;
      if (this.#score(left) < this.#score(lowest)) lowest = left;
      if (this.#score(right) < this.#score(lowest)) lowest = right;
      if (lowest === index) return;
      this.#swap(lowest, index);
      index = lowest;
    }
  }

  #score(index: number): number {
    return this.#scores[index] ?? Infinity;
  }

  #swap(one: number, other: number): void {
    [this.#keys[one], this.#keys[other]] = [this.#keys[other] ?? 0, this.#keys[one] ?? 0];
    [this.#scores[one], this.#scores[other]] = [this.#scores[other] ?? 0, this.#scores[one] ?? 0];
  }
}

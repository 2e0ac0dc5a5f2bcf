/**
 * A small seeded generator (sfc32): the same seed gives the same numbers on every platform, so
 * that the same request gets the same bytes.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  /** @param seed hex digits, at least 24 of them, e.g. a SHA-256 */
  constructor(seed: string) {
    this.#a = parseInt(seed.slice(0, 8), 16) | 0;
    this.#b = parseInt(seed.slice(8, 16), 16) | 0;
    this.#c = parseInt(seed.slice(16, 24), 16) | 0;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** Returns a number in [0, 1). */
  next(): number {
    const t = (this.#a + this.#b | 0) + this.#d | 0;
    this.#d = this.#d + 1 | 0;
    this.#a = this.#b ^ this.#b >>> 9;
    this.#b = this.#c + (this.#c << 3) | 0;
    this.#c = (this.#c << 21 | this.#c >>> 11) + t | 0;
    return (t >>> 0) / 4294967296;
  }

  /** Returns an integer in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** Returns one of the items. */
  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }

  /** Returns a normally distributed number, mean 0, deviation 1 (Box-Muller). */
  normal(): number {
    const u = 1 - this.next();
    return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * this.next());
  }

  /** Returns `digits` hex digits. */
  hex(digits: number): string {
    let text = "";
    while (text.length < digits) {
      text += Math.floor(this.next() * 4294967296).toString(16).padStart(8, "0");
    }
    return text.slice(0, digits);
  }
}

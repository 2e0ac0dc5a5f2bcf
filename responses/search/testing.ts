/** Helpers of the tests of search. */

/** Numbers that look random, the same in every run (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A direction without preference: normally distributed coordinates (Box and Muller). */
export function randomVector(random: () => number, dimensions: number): Float32Array {
  return new Float32Array(dimensions).map(() =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  );
}

/** Cosine in double precision: what the index is measured against. */
export function cosine(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let product = 0;
  let square = 0;
  let otherSquare = 0;
  for (let i = 0; i < one.length; i++) {
    const [a = 0, b = 0] = [one[i], other[i]];
    product += a * b;
    square += a * a;
    otherSquare += b * b;
  }
  return product / Math.sqrt(square * otherSquare);
}

/** The content of a file that no text can be taken out of, though it is sent as text. */
export const UNREADABLE = "\x00\x01\x02";

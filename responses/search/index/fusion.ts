/** Damping of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009). */
const K = 60;

/** One ranking, best first, and what it counts. */
export interface WeightedRanking {
  readonly keys: readonly number[];
  readonly weight: number;
}

/**
 * Reciprocal rank fusion: a key's score is Σ weight / (60 + rank) over the rankings that hold it, divided by what the
 * first of every ranking would have, so that it lies between 0 and 1. Best first; of equal scores the lower key.
 */
export function fuse(rankings: readonly WeightedRanking[]): { key: number; score: number }[] {
  const sums = new Map<number, number>();
  let most = 0;
  for (const { keys, weight } of rankings) {
    if (weight <= 0) continue;
    most += weight / (K + 1);
    for (const [index, key] of keys.entries()) {
      sums.set(key, (sums.get(key) ?? 0) + weight / (K + 1 + index));
    }
  }
  return [...sums].map(([key, sum]) => ({ key, score: sum / most }))
    .sort((a, b) => b.score - a.score || a.key - b.key);
}

/** A guess farther away than this many edits is more likely to mislead than to help. */
const MAX_DISTANCE = 3;

/** The word of `words` nearest to what was typed, or undefined when none is near. */
export function suggestion(typed: string, words: readonly string[]): string | undefined {
  const limit = Math.min(MAX_DISTANCE, Math.ceil(typed.length * 0.4));
  let best: { word: string; distance: number } | undefined;
  for (const word of words) {
    const found = word.startsWith(typed) && typed.length > 1 ? 1 : distance(typed, word);
    if (found <= limit && (best === undefined || found < best.distance)) {
      best = { word, distance: found };
    }
  }
  return best?.word;
}

/** `: did you mean "x"?` or nothing; for the end of an error message. */
export function didYouMean(typed: string, words: readonly string[]): string {
  const word = suggestion(typed, words);
  return word === undefined ? "" : `: did you mean "${word}"?`;
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost one each. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(
        (previous[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}

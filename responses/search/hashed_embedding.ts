/** Embeddings by hashes of words, for model servers without an embedding model. */
import { termsOf } from "./index/terms.ts";

/** Dimensions when nothing else is configured. */
export const HASHED_DIMENSIONS = 384;

/** Lengths of the letter groups that words are made of, so that `run` and `running` are alike. */
const GRAMS = [3, 4, 5];

/** Weight of a letter group beside its word. */
const GRAM_WEIGHT = 0.4;

/**
 * Embeds a text without any model: words, pairs of words and groups of letters, hashed to coordinates with a sign
 * (feature hashing; Weinberger et al. 2009). The same text gives the same unit vector everywhere. It sees shared words
 * and word stems, not meaning.
 */
export function hashedEmbedding(text: string, dimensions: number): Float32Array {
  const weights = new Map<string, number>();
  const add = (feature: string, weight: number) =>
    weights.set(feature, (weights.get(feature) ?? 0) + weight);
  let previous = "";
  for (const term of termsOf(text)) {
    add(term, 1);
    if (previous !== "") add(`${previous} ${term}`, 0.5);
    previous = term;
    const marked = `<${term}>`;
    for (const length of GRAMS) {
      for (let at = 0; at + length <= marked.length; at++) {
        add(`#${marked.slice(at, at + length)}`, GRAM_WEIGHT / length);
      }
    }
  }
  const vector = new Float32Array(dimensions);
  for (const [feature, weight] of weights) {
    const hash = fnv1a(feature);
    const at = (hash >>> 1) % dimensions;
    // The tenth repetition says less than the first.
    const value = Math.log1p(weight);
    vector[at] = (vector[at] ?? 0) + (hash & 1 ? value : -value);
  }
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** FNV-1a over UTF-16 units, with a final mix (murmur3), because its low bits alone are poor. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

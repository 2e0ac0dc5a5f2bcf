/** Which hosts have seen which beginnings of prompts, in bounded memory. */
import type { PromptPieces } from "./prompt.ts";

/** Hosts remembered for one beginning: a common system prompt is on all of them soon. */
const HOLDERS = 8;
/**
 * In so many ways prompts go on from a beginning until it is common, and no reason for a host any more: one more than
 * a conversation by itself, of which the last words are the first half of a piece later.
 */
const COMMON = 3;

/** Hashes of a prompt's beginnings, shortest first, and of all of it. */
export interface PromptChain {
  readonly beginnings: readonly number[];
  readonly whole: number;
}

/** One beginning. */
interface Beginning {
  /** Endpoints that saw it, the latest last. */
  holders: string[];
  /** How prompts went on from here, at most {@linkcode COMMON} of them. */
  next: number[];
}
/** Beginnings remembered in all: about 10 MB. */
const LIMIT = 65_536;

/**
 * A trie of prompts by hashes: each piece's hash covers all pieces before it, so that a beginning is
 * one number and the trie is one map. The beginnings that were used least recently are forgotten.
 */
export class PrefixIndex {
  /** The map's order is that of their use. */
  readonly #beginnings = new Map<number, Beginning>();
  readonly #limit: number;

  constructor(limit: number = LIMIT) {
    this.#limit = limit;
  }

  /** How many beginnings are remembered. */
  get size(): number {
    return this.#beginnings.size;
  }

  /** Returns the beginnings of a prompt. Prompts of different groups share none. */
  chain(group: string, { whole, rest }: PromptPieces): PromptChain {
    let hash = hashOf(group, 0);
    const beginnings = whole.map((piece) => hash = hashOf(piece, hash));
    return { beginnings, whole: hashOf(rest, hash) };
  }

  /**
   * Returns those of the endpoints that saw the longest beginning which any of them saw; none where that is common and
   * the prompt goes on from it in a way of its own: every host reads a system prompt that all share once.
   */
  holders(
    { beginnings, whole }: PromptChain,
    endpoints: ReadonlySet<string>,
  ): ReadonlySet<string> {
    let found: string[] = [];
    let next: readonly number[] = [];
    for (const hash of [...beginnings, whole]) {
      const beginning = this.#beginnings.get(hash);
      const here = beginning?.holders.filter((endpoint) => endpoints.has(endpoint)) ?? [];
      // Whoever saw a longer beginning saw the shorter ones.
      if (beginning === undefined || here.length === 0) {
        const isCommon = next.length >= COMMON && !next.includes(hash);
        return new Set(isCommon ? [] : found);
      }
      found = here;
      next = beginning.next;
    }
    return new Set(found);
  }

  /** Remembers that an endpoint saw a prompt. */
  record({ beginnings, whole }: PromptChain, endpoint: string): void {
    let after = whole;
    // Longest first, so that it is the longest that is forgotten first.
    for (const hash of beginnings.toReversed()) {
      const { holders = [], next = [] } = this.#beginnings.get(hash) ?? {};
      if (next.length < COMMON && !next.includes(after)) next.push(after);
      after = hash;
      this.#beginnings.delete(hash);
      this.#beginnings.set(hash, {
        holders: [...holders.filter((one) => one !== endpoint), endpoint].slice(-HOLDERS),
        next,
      });
    }
    for (const hash of this.#beginnings.keys()) {
      if (this.#beginnings.size <= this.#limit) break;
      this.#beginnings.delete(hash);
    }
  }
}

/**
 * A hash of 53 bits: two multiplicative hashes of 32 bits, mixed as MurmurHash3 does at its end. Two
 * prompts that collide are only sent to the same host.
 */
function hashOf(text: string, seed: number): number {
  let low = seed >>> 0 ^ 0x9e3779b9;
  let high = Math.floor(seed / 2 ** 32) ^ 0x85ebca6b;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 0x9e3779b1);
    high = Math.imul(high ^ code, 0x5f356495);
  }
  low = Math.imul(low ^ low >>> 16, 0x85ebca6b) ^ high;
  high = Math.imul(high ^ high >>> 13, 0xc2b2ae35) ^ low;
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
}

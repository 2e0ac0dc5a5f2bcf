/** Which hosts have seen which beginnings of prompts, in bounded memory. */

/** Hosts remembered for one beginning: a common system prompt is on all of them soon. */
const HOLDERS = 8;
/** Beginnings remembered in all: about 10 MB. */
const LIMIT = 65_536;

/**
 * A trie of prompts by hashes: each piece's hash covers all pieces before it, so that a beginning is
 * one number and the trie is one map. The beginnings that were used least recently are forgotten.
 */
export class PrefixIndex {
  /** Endpoints by beginning, the latest last; the map's order is that of their use. */
  readonly #holders = new Map<number, string[]>();
  readonly #limit: number;

  constructor(limit: number = LIMIT) {
    this.#limit = limit;
  }

  /** How many beginnings are remembered. */
  get size(): number {
    return this.#holders.size;
  }

  /** Returns the beginnings of a prompt, shortest first. Prompts of different groups share none. */
  chain(group: string, chunks: readonly string[]): number[] {
    let hash = hashOf(group, 0);
    return chunks.map((chunk) => hash = hashOf(chunk, hash));
  }

  /** Returns those of the endpoints that saw the longest beginning which any of them saw. */
  holders(chain: readonly number[], endpoints: ReadonlySet<string>): ReadonlySet<string> {
    let found: string[] = [];
    for (const hash of chain) {
      const here = this.#holders.get(hash)?.filter((endpoint) => endpoints.has(endpoint)) ?? [];
      // Whoever saw a longer beginning saw the shorter ones.
      if (here.length === 0) break;
      found = here;
    }
    return new Set(found);
  }

  /** Remembers that an endpoint saw a prompt. */
  record(chain: readonly number[], endpoint: string): void {
    // Longest first, so that it is the longest that is forgotten first.
    for (const hash of chain.toReversed()) {
      const others = (this.#holders.get(hash) ?? []).filter((one) => one !== endpoint);
      this.#holders.delete(hash);
      this.#holders.set(hash, [...others, endpoint].slice(-HOLDERS));
    }
    for (const hash of this.#holders.keys()) {
      if (this.#holders.size <= this.#limit) break;
      this.#holders.delete(hash);
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

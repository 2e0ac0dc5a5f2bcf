/** Budget of one peer of a connection: when it is used up, the peer is told ENHANCE_YOUR_CALM. */

/**
 * Points of a full account: 2,000 resets, or 5,000 pings, at once. nghttp2's server lets 1,000 resets
 * pass at once and Envoy 500; a connection of an Envoy carries the cancellations of a thousand clients.
 */
const CAPACITY = 10_000;

/** Points that come back per millisecond: 200 resets or 500 pings a second, for ever. */
const REFILL_PER_MS = 1;

/** Points of each thing that a peer can do without asking for an answer. */
export const COST = {
  /** RST_STREAM received, or sent because of what the peer did (CVE-2023-44487, CVE-2025-8671). */
  reset: 5,
  /** SETTINGS, acknowledgements too (CVE-2019-9515). */
  settings: 5,
  /** PING (CVE-2019-9512). */
  ping: 2,
  /** CONTINUATION (CVE-2024-27316): a whole block fits into five. */
  continuation: 5,
  /** DATA without a byte that does not end its stream (CVE-2019-9518). */
  empty: 2,
  /** DATA of a few bytes that does not end its stream. */
  tiny: 1,
  /** WINDOW_UPDATE, PRIORITY, and types that nobody knows (CVE-2019-9513). */
  other: 1,
  /** A frame on a stream that is closed. */
  late: 2,
} as const;

/** Points that useful work brings: honest clients ping and open windows as they get answers. */
export const WORTH = {
  /** A DATA frame sent. */
  data: 2,
  /** A stream that both sides ended. Less than a reset costs, so that no flood pays for itself. */
  stream: 1,
} as const;

/** DATA payloads below this are "tiny", bytes. */
export const TINY_BYTES = 64;

/**
 * Bytes that one connection may make this process hold unless told otherwise: open headers, messages in part, answers
 * unread. The longest message of gRPC (32 MiB) fits.
 */
const MAX_HELD_BYTES = 48 * 1024 * 1024;

/** Bytes that an open stream counts beyond its header list: its objects here and above, as measured. */
export const STREAM_BYTES = 4096;

/** How often a byte of a header list counts: what it was decoded from is not collected at once. */
export const HEADER_WEIGHT = 2;

/** The account of one connection. */
export class Budget {
  readonly #now: () => number;
  readonly #maxHeld: number;
  #points = CAPACITY;
  #since: number;
  #held = 0;

  /**
   * @param maxHeld bytes that may be held; 48 MiB when left out
   * @param now a clock in milliseconds, for tests
   */
  constructor(maxHeld = MAX_HELD_BYTES, now: () => number = () => performance.now()) {
    this.#maxHeld = maxHeld;
    this.#now = now;
    this.#since = now();
  }

  /** Bytes held on the peer's account. */
  get held(): number {
    return this.#held;
  }

  /** Subtracts points; false when there are none left. */
  spend(points: number): boolean {
    this.#points -= points;
    if (this.#points >= 0) return true;
    // The clock is asked only here: an honest connection never comes this far.
    const now = this.#now();
    const refill = (now - this.#since) * REFILL_PER_MS;
    this.#points = Math.min(CAPACITY, this.#points + refill);
    this.#since = now;
    return this.#points >= 0;
  }

  /** Adds points for useful work. */
  earn(points: number): void {
    if (this.#points < CAPACITY) this.#points += points;
  }

  /** Counts bytes held, or released when negative; false when they are too many. */
  hold(bytes: number): boolean {
    this.#held += bytes;
    return this.#held <= this.#maxHeld;
  }
}

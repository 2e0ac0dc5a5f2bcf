/** How the streams ended that a connection closed last (RFC 9113, section 5.1, state "closed"). */

/** How a stream ended: on both sides, by the peer's reset, or by this side's. */
export type Ending = "ended" | "reset by the peer" | "reset here";

const ENDINGS: readonly Ending[] = ["ended", "reset by the peer", "reset here"];

/** Streams remembered: what was under way when one was reset comes within a round trip. */
const REMEMBERED = 512;

/** The last closed streams of one connection, in memory that does not grow. */
export class ClosedStreams {
  #ids: Uint32Array | undefined;
  #endings: Uint8Array | undefined;

  /** Remembers how a stream ended. */
  add(id: number, ending: Ending): void {
    this.#ids ??= new Uint32Array(REMEMBERED);
    this.#endings ??= new Uint8Array(REMEMBERED);
    const slot = (id >>> 1) % REMEMBERED;
    this.#ids[slot] = id;
    this.#endings[slot] = ENDINGS.indexOf(ending);
  }

  /** How a stream ended; undefined for one that never was, or that is forgotten. */
  of(id: number): Ending | undefined {
    const slot = (id >>> 1) % REMEMBERED;
    return this.#ids?.[slot] === id ? ENDINGS[this.#endings?.[slot] ?? 0] : undefined;
  }
}

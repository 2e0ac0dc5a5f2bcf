/** A header block that arrives in HEADERS and CONTINUATION frames (RFC 9113, section 4.3). */
import { FLAG, type FrameHead } from "./frames.ts";
import { type Violation, violation } from "./frame_rules.ts";
import { GrowingBytes } from "../service/mod.ts";

/** Longest block, compressed, in bytes. */
const MAX_BLOCK_BYTES = 64 * 1024;

/** One block that is still arriving. */
export class HeaderBlock {
  readonly stream: number;
  /** Flags of its HEADERS frame. */
  readonly flags: number;
  readonly #gathered = new GrowingBytes();

  /** @param piece the first piece; it is copied, as every other */
  constructor({ stream, flags }: FrameHead, piece: Uint8Array) {
    this.stream = stream;
    this.flags = flags;
    this.#gathered.push(piece);
  }

  /** Adds a CONTINUATION frame: returns the rule that it breaks, the whole block, or undefined when more must come. */
  push(head: FrameHead, payload: Uint8Array): Violation | Uint8Array | undefined {
    if (head.stream !== this.stream) {
      return violation("PROTOCOL_ERROR", "CONTINUATION on another stream");
    }
    if (this.#gathered.length + payload.length > MAX_BLOCK_BYTES) {
      return violation("ENHANCE_YOUR_CALM", `header block above ${MAX_BLOCK_BYTES} bytes`);
    }
    this.#gathered.push(payload);
    return (head.flags & FLAG.END_HEADERS) === 0 ? undefined : this.#gathered.take();
  }
}

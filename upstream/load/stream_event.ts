/** Events of streamed answers, framed once. */
import { Buffer } from "node:buffer";

/**
 * One event of a streamed answer, ready to write. It is measured and framed when it first goes out and never again,
 * so that a stream that is kept costs little more than its system calls.
 */
export class StreamEvent {
  /** The event's lines and the blank line after them. */
  readonly text: string;
  /** The wait before it: for the first token, a further token, or none. */
  readonly wait: "first" | "next" | undefined;
  #bytes = -1;
  #chunk: string | Uint8Array | undefined;

  constructor(text: string, wait?: "first" | "next") {
    this.text = text;
    this.wait = wait;
  }

  /** How long the text is in UTF-8. */
  get bytes(): number {
    if (this.#bytes < 0) this.#bytes = Buffer.byteLength(this.text);
    return this.#bytes;
  }

  /**
   * The event as one chunk of HTTP/1.1 (RFC 9112 section 7.1): text for the first write, since a buffer object for each
   * event costs more than it saves; bytes from the second on.
   */
  get chunk(): string | Uint8Array {
    const chunk = this.#chunk;
    if (chunk === undefined) {
      return this.#chunk = `${this.bytes.toString(16)}\r\n${this.text}\r\n`;
    }
    return typeof chunk === "string" ? this.#chunk = Buffer.from(chunk, this.encoding) : chunk;
  }

  /** How to encode its text: ASCII needs no look at each character, and most events are ASCII. */
  get encoding(): "latin1" | "utf8" {
    return this.bytes === this.text.length ? "latin1" : "utf8";
  }
}

/** Where the positions stand at the beginning of the memory, as 32-bit integers. */
const WRITTEN = 0;
const READ = 1;
const NEWS = 2;
const HEAD_BYTES = 16;

/** Bytes before each message: its length. */
const LENGTH_BYTES = 4;

/** How long a writer waits for room, milliseconds: the reader's thread may be busy, but not for so long. */
const PATIENCE_MS = 30_000;

/**
 * A queue of JSON messages in memory that two threads share; one of them writes, the other reads. A message can be read
 * as soon as `write()` has returned, without a turn of any event loop: whoever has seen an effect of the writer's work
 * also finds here what was written before it. Messages between threads (`postMessage`) do not promise that.
 */
export class SharedLog {
  readonly #positions: Int32Array<SharedArrayBuffer>;
  readonly #ring: Uint8Array<SharedArrayBuffer>;

  /** @param memory what {@linkcode SharedLog.memory} returned, in both threads */
  constructor(memory: SharedArrayBuffer) {
    this.#positions = new Int32Array(memory, 0, HEAD_BYTES / 4);
    this.#ring = new Uint8Array(memory, HEAD_BYTES);
  }

  /** Returns memory for a log that holds 2^`bits` bytes of messages that were not read yet. */
  static memory(bits: number): SharedArrayBuffer {
    return new SharedArrayBuffer(HEAD_BYTES + 2 ** bits);
  }

  /**
   * Adds a message. Returns true when the reader has to be told of it, and false when it was told of an earlier one and
   * has not read since. Blocks while the log is full.
   *
   * @throws {RangeError} when the message is longer than the log
   * @throws {Error} when the reader makes no room within 30 s
   */
  write(message: unknown): boolean {
    const bytes = new TextEncoder().encode(JSON.stringify(message));
    const size = LENGTH_BYTES + bytes.length;
    if (size > this.#ring.length) {
      throw new RangeError(
        `Cannot write the message: it must have at most ${
          this.#ring.length - LENGTH_BYTES
        } bytes: current value is ${bytes.length}`,
      );
    }
    const at = Atomics.load(this.#positions, WRITTEN);
    this.#waitForRoom(at, size);
    const length = new Uint8Array(LENGTH_BYTES);
    new DataView(length.buffer).setUint32(0, bytes.length);
    this.#put(length, at);
    this.#put(bytes, at + LENGTH_BYTES);
    Atomics.store(this.#positions, WRITTEN, at + size | 0);
    return Atomics.exchange(this.#positions, NEWS, 1) === 0;
  }

  /** Returns the messages that were not read yet, oldest first. */
  read(): unknown[] {
    Atomics.store(this.#positions, NEWS, 0);
    const end = Atomics.load(this.#positions, WRITTEN);
    const messages: unknown[] = [];
    let at = Atomics.load(this.#positions, READ);
    if (at === end) return messages;
    while (at !== end) {
      const length = new DataView(this.#take(at, LENGTH_BYTES).buffer).getUint32(0);
      const bytes = this.#take(at + LENGTH_BYTES, length);
      messages.push(JSON.parse(new TextDecoder().decode(bytes)));
      at = at + LENGTH_BYTES + length | 0;
    }
    Atomics.store(this.#positions, READ, at);
    Atomics.notify(this.#positions, READ);
    return messages;
  }

  /** Positions run on beyond the ring and wrap at 2^32, which its length divides. */
  #waitForRoom(at: number, size: number): void {
    for (;;) {
      const read = Atomics.load(this.#positions, READ);
      if (this.#ring.length - (at - read | 0) >= size) return;
      if (Atomics.wait(this.#positions, READ, read, PATIENCE_MS) === "timed-out") {
        throw new Error(`Cannot write the message: nobody has read for ${PATIENCE_MS} ms`);
      }
    }
  }

  #put(bytes: Uint8Array, position: number): void {
    const from = this.#indexOf(position);
    const first = bytes.subarray(0, this.#ring.length - from);
    this.#ring.set(first, from);
    this.#ring.set(bytes.subarray(first.length), 0);
  }

  /** A copy: text cannot be decoded from shared memory. */
  #take(position: number, length: number): Uint8Array<ArrayBuffer> {
    const from = this.#indexOf(position);
    const bytes = new Uint8Array(length);
    const first = this.#ring.subarray(from, from + length);
    bytes.set(first);
    bytes.set(this.#ring.subarray(0, length - first.length), first.length);
    return bytes;
  }

  #indexOf(position: number): number {
    return position & (this.#ring.length - 1);
  }
}

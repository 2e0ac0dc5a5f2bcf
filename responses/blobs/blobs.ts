/**
 * Where the bytes of files lie. A blob is written once, as a whole, and never changed; its key is an id, of letters,
 * digits, `_` and `-`.
 */
export interface Blobs extends AsyncDisposable {
  /**
   * Writes a blob; resolves with its size in bytes once it is safe. When the stream fails, or is longer than `limit`
   * bytes, nothing is left under the key.
   *
   * @throws {BlobTooLarge}
   */
  put(key: string, body: ReadableStream<Uint8Array>, limit: number): Promise<number>;
  /** Reads a blob from its beginning; undefined when there is none. */
  get(key: string): Promise<ReadableStream<Uint8Array> | undefined>;
  /** Removes a blob and what an interrupted write left of it. None at all is no error. */
  delete(key: string): Promise<void>;
}

/** More bytes than allowed. */
export class BlobTooLarge extends Error {
  override readonly name = "BlobTooLarge";
  readonly limit: number;

  constructor(limit: number) {
    super(`Cannot keep the file: it is larger than ${limit} bytes`);
    this.limit = limit;
  }
}

const KEY = /^[\w-]{1,128}$/;

/** Returns a key, once it is sure that it names nothing but a blob. */
export function blobKey(key: string): string {
  if (!KEY.test(key)) throw new TypeError(`Cannot use "${key}" as the key of a blob`);
  return key;
}

/** Counts what flows through, and fails past the limit. */
export function limited(
  limit: number,
  count: (bytes: number) => void,
): TransformStream<Uint8Array, Uint8Array> {
  let total = 0;
  return new TransformStream({
    transform(chunk, controller) {
      total += chunk.length;
      if (total > limit) throw new BlobTooLarge(limit);
      count(total);
      controller.enqueue(chunk);
    },
  });
}

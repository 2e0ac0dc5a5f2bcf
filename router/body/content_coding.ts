/** Bodies that a client compressed (RFC 9110, section 8.4). */
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateSync,
} from "node:zlib";

/** One content coding, both ways. */
export interface ContentCoding {
  /**
   * @throws {RangeError} when the result would be longer than `limit` bytes
   * @throws {TypeError} when the bytes are not what they say
   */
  decode(bytes: Uint8Array, limit: number): Uint8Array;
  encode(bytes: Uint8Array): Uint8Array;
}

/** Brotli's own default of 11 takes a second for a megabyte; 4 is about gzip's speed. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

type Decode = (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

const CODINGS: Readonly<Record<string, ContentCoding>> = {
  gzip: { decode: guarded(gunzipSync), encode: (bytes) => gzipSync(bytes) },
  deflate: { decode: guarded(inflateSync), encode: (bytes) => deflateSync(bytes) },
  br: {
    decode: guarded(brotliDecompressSync),
    encode: (bytes) => brotliCompressSync(bytes, BROTLI),
  },
};

/** Names of the codings that {@linkcode codingOf} knows. */
export const CODING_NAMES: readonly string[] = Object.keys(CODINGS);

/**
 * Returns the coding that a `content-encoding` header names: undefined for a plain body, "unknown"
 * for a coding, or several of them, that the router cannot read.
 */
export function codingOf(header: string | undefined): ContentCoding | "unknown" | undefined {
  const name = (header ?? "").trim().toLowerCase();
  if (name === "" || name === "identity") return undefined;
  // x-gzip is the same (RFC 9110, section 8.4.1.3).
  return CODINGS[name === "x-gzip" ? "gzip" : name] ?? "unknown";
}

/** A body of a kilobyte can unpack to a gigabyte: the decoder stops at the limit. */
function guarded(decode: Decode): ContentCoding["decode"] {
  return (bytes, limit) => {
    try {
      return decode(bytes, { maxOutputLength: limit });
    } catch (error) {
      if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") {
        throw new RangeError(`Cannot decode the body: it unpacks to more than ${limit} bytes`);
      }
      throw new TypeError("Cannot decode the body", { cause: error });
    }
  };
}

/** Compressed request bodies (RFC 9110 section 8.4): undone up to the length that a body may have. */
import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate, zstdDecompress } from "node:zlib";
import { MAX_BODY_BYTES } from "./body.ts";
import { ApiError, invalidRequest } from "./errors.ts";

type Undo = (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>;

/** Codings by their names in `content-encoding`. */
const CODINGS: Readonly<Record<string, Undo>> = {
  gzip: promisify(gunzip) as Undo,
  "x-gzip": promisify(gunzip) as Undo,
  deflate: promisify(inflate) as Undo,
  br: promisify(brotliDecompress) as Undo,
  zstd: promisify(zstdDecompress) as Undo,
};

/**
 * Returns a body without its content codings, of which `header` names the last one last.
 *
 * @throws {ApiError} 415 for an unknown coding, 413 for a body that is too long, 400 for one that is broken
 */
export async function decodedBody(
  body: Uint8Array,
  header: string | undefined,
): Promise<Uint8Array> {
  const names = (header ?? "").toLowerCase().split(",").map((name) => name.trim())
    .filter((name) => name !== "" && name !== "identity");
  let bytes = body;
  for (const name of names.reverse()) {
    const undo = Object.hasOwn(CODINGS, name) ? CODINGS[name] : undefined;
    if (undo === undefined) {
      throw new ApiError(
        415,
        "unsupported_content_encoding",
        `Cannot read a body with content-encoding '${name}': expected ${
          Object.keys(CODINGS).join(", ")
        }`,
      );
    }
    try {
      bytes = await undo(bytes, { maxOutputLength: MAX_BODY_BYTES });
    } catch (error) {
      if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge();
      throw invalidRequest(`The request's body is not ${name}, as its content-encoding says`);
    }
  }
  return bytes;
}

/** 413: a body that is longer than {@linkcode MAX_BODY_BYTES}. */
export function tooLarge(): ApiError {
  return new ApiError(
    413,
    "request_too_large",
    `The request's body is too large: this gateway takes ${MAX_BODY_BYTES} bytes`,
  );
}

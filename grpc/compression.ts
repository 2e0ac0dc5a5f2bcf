/** Compression of messages: https://github.com/grpc/grpc/blob/master/doc/compression.md */
import { gunzipSync } from "node:zlib";
import { type Decompress, refuseCompressed } from "./frame.ts";
import { GRPC_STATUS, GrpcError } from "./status.ts";

/** Value of `grpc-accept-encoding`. Answers are never compressed: they are short. */
export const ACCEPTED = "identity,gzip";

/**
 * How to read the messages of a request with this `grpc-encoding`; undefined for an encoding that is not known here
 * (UNIMPLEMENTED). A message that is longer than `maxBytes` when it is unpacked is RESOURCE_EXHAUSTED.
 */
export function decompressor(
  encoding: string | undefined,
  maxBytes: number,
): Decompress | undefined {
  if (encoding === undefined || encoding === "identity") return refuseCompressed;
  if (encoding !== "gzip") return undefined;
  return (message) => {
    try {
      return gunzipSync(message, { maxOutputLength: maxBytes });
    } catch (error) {
      if ((error as { code?: string }).code !== "ERR_BUFFER_TOO_LARGE") {
        throw new GrpcError(GRPC_STATUS.INTERNAL, "the message is no gzip");
      }
      throw new GrpcError(
        GRPC_STATUS.RESOURCE_EXHAUSTED,
        `message is longer than ${maxBytes} bytes when it is unpacked`,
      );
    }
  };
}

/**
 * HTTP/2 frames, header compression and streams over a socket (RFC 9113, RFC 7541), for servers and
 * clients. It knows no protocol above HTTP/2: gRPC's framing and the mock's answers are handed in.
 *
 * @module
 */
export type { Carrier } from "./carrier.ts";
export { H2Connection } from "./connection.ts";
export {
  DEFAULT_WINDOW,
  FLAG,
  FRAME,
  FRAME_HEAD_BYTES,
  type FrameHead,
  FrameReader,
  FrameWriter,
  H2_ERROR,
  MAX_FRAME_BYTES,
  MAX_WINDOW,
  PREFACE,
  readHead,
  SETTING,
  STREAM_WINDOW,
  uint32,
  unpadded,
} from "./frames.ts";
export { encodeHeaders, type HeaderList, HpackDecoder } from "./hpack.ts";
export { H2Stream, type StreamEvents } from "./stream.ts";
export type { ClientSide, ServerSide } from "./stream_table.ts";

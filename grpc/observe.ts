/** A client without mercy or help: it makes one call and reports every frame, and how the connection ended. */
import { frame } from "./frame.ts";
import {
  encodeHeaders,
  FLAG,
  FRAME,
  type FrameHead,
  FrameReader,
  FrameWriter,
  type HeaderList,
  HpackDecoder,
  MAX_FRAME_BYTES,
  PREFACE,
  uint32,
} from "../http2/mod.ts";

/** One frame as it came. */
export interface ObservedFrame {
  /** Its name, e.g. `HEADERS`; the number for a type that RFC 9113 does not define. */
  readonly type: string;
  readonly stream: number;
  readonly endStream: boolean;
  readonly payload: Uint8Array;
  /** Decoded headers or trailers; undefined when they cannot be decoded. */
  readonly headers?: HeaderList;
  /** Error code of RST_STREAM and GOAWAY. */
  readonly code?: number;
}

/** Frames of one call. */
export interface ObservedCall {
  /** Every frame of the call's stream, and GOAWAY. */
  readonly frames: readonly ObservedFrame[];
  /** Bytes that came after the last whole frame. */
  readonly rest: number;
  /**
   * How it ended: the stream ended or was reset, headers could not be decoded (a client then gives
   * up the connection), or TCP said FIN or RST before any of that.
   */
  readonly end: "end_stream" | "rst_stream" | "undecodable" | "tcp_fin" | "tcp_rst";
}

/** The method to call. */
export interface ObserveOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** The request's message. */
  readonly message: Uint8Array;
  /** Ends the call when aborted: the connection is closed and the reason thrown. */
  readonly signal?: AbortSignal;
}

const TYPE_NAMES = new Map<number, string>(Object.entries(FRAME).map(([name, n]) => [n, name]));

/** Calls once over a new connection and watches until the stream or the connection ends. */
export async function observeCall(options: ObserveOptions): Promise<ObservedCall> {
  const { host: hostname, port, signal } = options;
  using connection = await Deno.connect({ hostname, port });
  const abort = () => {
    try {
      connection.close();
    } catch {
      // Closed already.
    }
  };
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await send(connection, options);
    return await watch(connection);
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

async function send(connection: Deno.Conn, options: ObserveOptions): Promise<void> {
  const out = new FrameWriter();
  out.raw(new TextEncoder().encode(PREFACE));
  out.frame({ type: FRAME.SETTINGS, flags: 0, stream: 0 }, new Uint8Array(0));
  // 2^30 bytes of window: what comes is never held back by this side.
  out.number({ type: FRAME.WINDOW_UPDATE, flags: 0, stream: 0 }, 2 ** 30);
  const headers = encodeHeaders([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", options.path],
    [":authority", `${options.host}:${options.port}`],
    ["te", "trailers"],
    ["content-type", "application/grpc"],
  ]);
  out.frame({ type: FRAME.HEADERS, flags: FLAG.END_HEADERS, stream: 1 }, headers);
  out.number({ type: FRAME.WINDOW_UPDATE, flags: 0, stream: 1 }, 2 ** 30);
  const body = frame(options.message);
  for (let start = 0; start < body.length; start += MAX_FRAME_BYTES) {
    const end = Math.min(start + MAX_FRAME_BYTES, body.length);
    const flags = end === body.length ? FLAG.END_STREAM : 0;
    out.part({ type: FRAME.DATA, flags, stream: 1 }, { payload: body, start, end });
  }
  const bytes = out.take();
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

async function watch(connection: Deno.Conn): Promise<ObservedCall> {
  const frames: ObservedFrame[] = [];
  const hpack = new HpackDecoder();
  const reader = new FrameReader();
  const buffer = new Uint8Array(64 * 1024);
  let end: ObservedCall["end"] | undefined;
  while (end === undefined) {
    let size: number | null;
    try {
      size = await connection.read(buffer);
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
      end = "tcp_rst";
      break;
    }
    if (size === null) {
      end = "tcp_fin";
      break;
    }
    reader.push(buffer.slice(0, size), (head, payload) => {
      if (head.stream !== 1 && head.type !== FRAME.GOAWAY) return true;
      const seen = observed(head, payload.slice(), hpack);
      frames.push(seen);
      if (head.type === FRAME.RST_STREAM) end = "rst_stream";
      else if (head.type === FRAME.HEADERS && seen.headers === undefined) end = "undecodable";
      else if (seen.endStream) end = "end_stream";
      return true;
    });
  }
  return { frames, rest: reader.pending, end };
}

function observed(head: FrameHead, payload: Uint8Array, hpack: HpackDecoder): ObservedFrame {
  const carriesEnd = head.type === FRAME.DATA || head.type === FRAME.HEADERS;
  const base = {
    type: TYPE_NAMES.get(head.type) ?? String(head.type),
    stream: head.stream,
    endStream: carriesEnd && (head.flags & FLAG.END_STREAM) !== 0,
    payload,
  };
  if (head.type === FRAME.RST_STREAM) return { ...base, code: uint32(payload, 0) };
  if (head.type === FRAME.GOAWAY) return { ...base, code: uint32(payload, 4) };
  if (head.type !== FRAME.HEADERS) return base;
  try {
    return { ...base, headers: hpack.decode(payload) };
  } catch {
    return base;
  }
}

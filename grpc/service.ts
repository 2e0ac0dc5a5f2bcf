/** A service as plain functions: no type of the gRPC library appears here. */

/** Facts about the call that a handler answers. */
export interface Call {
  /** The HTTP/2 path, e.g. `/envoy.service.auth.v3.Authorization/Check`. */
  readonly path: string;
  /** Address and port of the peer. */
  readonly peer: string;
  /** The request's metadata: lower-case names; a repeated name is joined with a comma. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Aborts when the client cancels, resets the stream, loses its connection, or its deadline passes. Made on first use. */
  readonly signal: AbortSignal;
  /** Trailing metadata to send with the status, besides `grpc-status` and `grpc-message`. */
  trailers: Record<string, string>;
}

/** A call with streams of messages in both directions. */
export interface BidiCall extends Call {
  /** The client's messages; ends when the client half-closes, and throws when it cancels. */
  readonly messages: AsyncIterable<Uint8Array>;
  /** Sends one message; resolves when the transport takes more, so awaiting it is back-pressure. Rejects after a cancel. */
  write(message: Uint8Array): Promise<void>;
}

/**
 * Answers one request with one message. It may answer synchronously, which the hot path does.
 * Throws `GrpcError` for any other status; any other exception becomes INTERNAL without its text.
 * A `WireFault` breaks the answer on purpose (engine `native` only).
 */
export type UnaryHandler = (
  request: Uint8Array,
  call: Call,
) => Uint8Array | WireFault | Promise<Uint8Array | WireFault>;

/** Answers a stream: its return is status OK, a thrown `GrpcError` any other. */
export type BidiHandler = (call: BidiCall) => Promise<void>;

/** A method of a service. A method with one request and many answers is `bidi` too: the wire is the same. */
export type Method = { readonly unary: UnaryHandler } | { readonly bidi: BidiHandler };

/** A service: its full protobuf name and its methods, by their names. */
export interface GrpcService {
  /** e.g. `envoy.service.auth.v3.Authorization` */
  readonly name: string;
  readonly methods: Readonly<Record<string, Method>>;
}

/** The answers that no gRPC library makes: each breaks the protocol in one way. */
export const WIRE_FAULTS = [
  "no_grpc_status",
  "no_trailers",
  "headers_only",
  "truncated_message",
  "truncated_frame",
  "rst_stream",
  "refused_stream",
  "rst_after_headers",
  "goaway",
  "goaway_error",
  "tcp_fin",
  "tcp_rst",
  "protocol_error",
  "http_503",
  "wrong_content_type",
] as const;

/** Name of a fault on the wire; docs/policy.md describes each. */
export type WireFaultName = typeof WIRE_FAULTS[number];

/** A broken answer; `message` is the payload that a fault cuts or sends without its frame of status. */
export interface WireFault {
  readonly fault: WireFaultName;
  readonly message: Uint8Array;
}

/** Whether a handler's answer is a fault instead of a message. */
export function isWireFault(answer: Uint8Array | WireFault): answer is WireFault {
  return !(answer instanceof Uint8Array);
}

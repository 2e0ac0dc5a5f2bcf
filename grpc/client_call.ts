/** One call as its client sees it: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
import { decodeGrpcMessage, Deframer, frame, sendMessage } from "./frame.ts";
import { GRPC_STATUS, GrpcError, statusOf } from "./status.ts";
import {
  encodeHeaders,
  H2_ERROR,
  type H2Connection,
  type H2Stream,
  type HeaderList,
  type StreamEvents,
} from "../http2/mod.ts";

/** The method that is called. */
export interface CallHead {
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Milliseconds left; the server is told. */
  readonly timeoutMs: number | undefined;
}

/** How a call ended: OK, or the error. `unseen` when the server said that it never looked at the call. */
export interface CallEnd {
  readonly error: GrpcError | undefined;
  readonly unseen: boolean;
}

/** HTTP statuses of an answer that is not gRPC's: gRPC's http-grpc-status-mapping.md; any other is UNKNOWN. */
const HTTP_STATUS: Readonly<Record<string, number>> = {
  400: GRPC_STATUS.INTERNAL,
  401: GRPC_STATUS.UNAUTHENTICATED,
  403: GRPC_STATUS.PERMISSION_DENIED,
  404: GRPC_STATUS.UNIMPLEMENTED,
  429: GRPC_STATUS.UNAVAILABLE,
  502: GRPC_STATUS.UNAVAILABLE,
  503: GRPC_STATUS.UNAVAILABLE,
  504: GRPC_STATUS.UNAVAILABLE,
};

/** RST_STREAM codes that mean something of their own to gRPC (the protocol's table); any other is INTERNAL. */
const RESET_STATUS: Readonly<Record<number, number>> = {
  [H2_ERROR.REFUSED_STREAM]: GRPC_STATUS.UNAVAILABLE,
  [H2_ERROR.CANCEL]: GRPC_STATUS.CANCELLED,
  [H2_ERROR.ENHANCE_YOUR_CALM]: GRPC_STATUS.RESOURCE_EXHAUSTED,
};

/** A call that is under way. Messages that come are kept until somebody takes them. */
export class ClientCall implements StreamEvents {
  readonly ended: Promise<CallEnd>;
  readonly #stream: H2Stream;
  // A client takes what its engine sends: how long an answer is, is what tests want to see.
  readonly #deframer = new Deframer(Infinity);
  readonly #settle: (end: CallEnd) => void;
  #inbox: Uint8Array[] = [];
  #end: CallEnd | undefined;
  #headers: HeaderList | undefined;
  #trailers: HeaderList | undefined;
  #arrived: (() => void) | undefined;

  constructor(connection: H2Connection, head: CallHead) {
    const { promise, resolve } = Promise.withResolvers<CallEnd>();
    this.ended = promise;
    this.#settle = resolve;
    this.#stream = connection.openStream(requestHeaders(head), this);
  }

  send(message: Uint8Array): void {
    sendMessage(this.#stream, message);
  }

  /** Half-closes; the last message may go along. */
  sendEnd(message?: Uint8Array): void {
    this.#stream.sendData(message === undefined ? new Uint8Array(0) : frame(message), true);
  }

  /** Ends the call from here, with this error. */
  cancel(error: GrpcError): void {
    if (this.#end !== undefined) return;
    this.#finish({ error, unseen: false });
    this.#stream.reset(H2_ERROR.CANCEL);
  }

  /** The next message; undefined once the call has ended OK. Throws the error that it ended with. */
  async next(): Promise<Uint8Array | undefined> {
    while (true) {
      const message = this.#inbox.shift();
      if (message !== undefined) return message;
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return undefined;
      await new Promise<void>((resolve) => this.#arrived = resolve);
    }
  }

  headers(list: HeaderList): void {
    const status = valueOf(list, ":status");
    // 1xx are no answer yet.
    if (status?.startsWith("1")) return;
    if (this.#headers === undefined) this.#headers = list;
    else this.#trailers = list;
  }

  data(chunk: Uint8Array): void {
    if (this.#end !== undefined) return;
    const refused = this.#notGrpc();
    if (refused !== undefined) return this.cancel(refused);
    try {
      this.#inbox.push(...this.#deframer.push(chunk));
    } catch (error) {
      const { code, details } = statusOf(error);
      return this.cancel(new GrpcError(code, details));
    }
    this.#arrived?.();
  }

  end(): void {
    if (this.#end !== undefined) return;
    this.#finish({ error: this.#verdict(), unseen: false });
    // The answer is whole: whatever of the request has not gone yet need not go (RFC 9113, 8.1).
    if (!this.#stream.closed) this.#stream.reset(H2_ERROR.NO_ERROR);
  }

  closed(_lost: boolean, code?: number): void {
    if (this.#end !== undefined) return;
    const status = code === undefined
      ? GRPC_STATUS.UNAVAILABLE
      : RESET_STATUS[code] ?? GRPC_STATUS.INTERNAL;
    const details = code === undefined
      ? "the connection was lost"
      : `the server reset the stream with code ${code}`;
    this.#finish({
      error: new GrpcError(status, details),
      unseen: code === H2_ERROR.REFUSED_STREAM && this.#headers === undefined,
    });
  }

  /** The error that the answer's headers and trailers state; undefined for status OK. */
  #verdict(): GrpcError | undefined {
    const trailers = this.#trailers ?? this.#headers ?? [];
    const status = valueOf(trailers, "grpc-status");
    if (status === undefined) {
      return this.#notGrpc() ??
        new GrpcError(GRPC_STATUS.UNKNOWN, "the answer ended without grpc-status");
    }
    if (this.#deframer.pending > 0) {
      return new GrpcError(GRPC_STATUS.INTERNAL, "the answer ended within a message");
    }
    const code = /^\d+$/.test(status) ? Number(status) : GRPC_STATUS.UNKNOWN;
    if (code === GRPC_STATUS.OK) return undefined;
    return new GrpcError(code, decodeGrpcMessage(valueOf(trailers, "grpc-message") ?? ""));
  }

  #notGrpc(): GrpcError | undefined {
    const status = valueOf(this.#headers ?? [], ":status") ?? "none";
    if (status !== "200") {
      return new GrpcError(HTTP_STATUS[status] ?? GRPC_STATUS.UNKNOWN, `HTTP status ${status}`);
    }
    const type = valueOf(this.#headers ?? [], "content-type") ?? "";
    if (type.startsWith("application/grpc")) return undefined;
    return new GrpcError(GRPC_STATUS.UNKNOWN, `the answer is no gRPC: content-type "${type}"`);
  }

  #finish(end: CallEnd): void {
    this.#end = end;
    this.#settle(end);
    this.#arrived?.();
  }
}

function requestHeaders(head: CallHead): Uint8Array {
  const { timeoutMs } = head;
  return encodeHeaders([
    [":method", "POST"],
    [":scheme", head.scheme],
    [":path", head.path],
    [":authority", head.authority],
    // At most eight digits; more than a day is no deadline that anybody waits for.
    ...(timeoutMs === undefined || timeoutMs >= 1e8
      ? []
      : [["grpc-timeout", `${Math.max(1, Math.ceil(timeoutMs))}m`] as const]),
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ["user-agent", "llmgate-grpc"],
    ...Object.entries(head.metadata),
  ]);
}

function valueOf(list: HeaderList, name: string): string | undefined {
  return list.find(([key]) => key === name)?.[1];
}

/** Calls as a client, for probes and tests; messages are bytes. */
import * as grpc from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { methodDefinition } from "./grpc_js_server.ts";
import { GRPC_STATUS, GrpcError } from "./status.ts";

/** How to reach a server. */
export interface GrpcClientOptions {
  /** `host:port`, or `unix:PATH`. */
  readonly address: string;
  /** Speak TLS; with the system's roots unless `ca` is given. Certificate and key make it mutual. */
  readonly tls?: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    /** The name that the server's certificate must hold, when it is not the address's host. */
    readonly serverName?: string;
  };
}

/** What one call may say besides its message. */
export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  /** Milliseconds for the whole call, waiting for the connection included; 5,000 by default. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** A stream of messages in both directions, as a client sees it. */
export interface ClientStream {
  /** The server's messages; throws `GrpcError` when the stream ends with a status other than OK. */
  readonly messages: AsyncIterable<Uint8Array>;
  write(message: Uint8Array): void;
  /** Half-closes: no more messages from here. */
  end(): void;
  cancel(): void;
}

/** A connection to one server. It connects on the first call and again when it was lost. */
export interface GrpcClient extends Disposable {
  /** One request, one answer; rejects with `GrpcError`. */
  unary(path: string, message: Uint8Array, options?: CallOptions): Promise<Uint8Array>;
  /** Opens a stream. Without `deadlineMs` it has none. */
  bidi(path: string, options?: CallOptions): ClientStream;
}

/** Milliseconds that a unary call may take when nobody says otherwise. */
const DEADLINE_MS = 5000;

/** A reconnect is tried after 100 ms at first: a probe must notice quickly that a server came back. */
const CHANNEL_OPTIONS = {
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1000,
  "grpc.max_receive_message_length": -1,
  "grpc.use_local_subchannel_pool": 1,
};

/** Makes a client; nothing is dialled yet. */
export function connectGrpc(options: GrpcClientOptions): GrpcClient {
  const { address, tls } = options;
  const pem = (text?: string) => text === undefined ? null : Buffer.from(text);
  const credentials = tls === undefined
    ? grpc.credentials.createInsecure()
    : grpc.credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert));
  const client = new grpc.Client(address, credentials, {
    ...CHANNEL_OPTIONS,
    ...(tls?.serverName === undefined ? {} : { "grpc.ssl_target_name_override": tls.serverName }),
  });
  return {
    unary: (path, message, call = {}) => unary(client, { path, message, call }),
    bidi: (path, call = {}) => bidi(client, path, call),
    [Symbol.dispose]: () => client.close(),
  };
}

function unary(
  client: grpc.Client,
  { path, message, call }: { path: string; message: Uint8Array; call: CallOptions },
): Promise<Uint8Array> {
  const { requestSerialize, responseDeserialize } = methodDefinition(path, false);
  return new Promise((resolve, reject) => {
    const deadline = { deadline: Date.now() + (call.deadlineMs ?? DEADLINE_MS) };
    const started = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      message,
      metadataOf(call),
      deadline,
      (error, answer) => {
        call.signal?.removeEventListener("abort", cancel);
        if (error !== null) reject(new GrpcError(error.code, error.details));
        else if (answer === undefined) {
          reject(new GrpcError(GRPC_STATUS.INTERNAL, "status OK without a message"));
        } else resolve(answer);
      },
    );
    const cancel = () => started.cancel();
    if (call.signal?.aborted) cancel();
    else call.signal?.addEventListener("abort", cancel, { once: true });
  });
}

function bidi(client: grpc.Client, path: string, call: CallOptions): ClientStream {
  const { requestSerialize, responseDeserialize } = methodDefinition(path, true);
  const deadline = call.deadlineMs === undefined ? {} : { deadline: Date.now() + call.deadlineMs };
  const stream = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    metadataOf(call),
    deadline,
  );
  const cancel = () => stream.cancel();
  call.signal?.addEventListener("abort", cancel, { once: true });
  stream.on("close", () => call.signal?.removeEventListener("abort", cancel));
  // The iterator below throws it; a stream that nobody reads must not take the process down.
  stream.on("error", () => {});
  return {
    messages: readAll(stream),
    write: (message) => void stream.write(message),
    end: () => stream.end(),
    cancel,
  };
}

async function* readAll(
  stream: grpc.ClientDuplexStream<Uint8Array, Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const message of stream) yield message as Uint8Array;
  } catch (error) {
    const { code, details } = error as grpc.ServiceError;
    throw code === undefined ? error : new GrpcError(code, details);
  }
}

function metadataOf(call: CallOptions): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(call.metadata ?? {})) metadata.set(name, value);
  return metadata;
}

/** The reference client, @grpc/grpc-js, for the tests that hold our server against it. */
// @ts-types="../vendor/grpc_js.d.ts"
import * as grpc from "../vendor/grpc_js.mjs";
import type { CallOptions, ClientStream, GrpcClient } from "../client.ts";
import { methodDefinition } from "../grpc_js_transport.ts";
import { GRPC_STATUS, GrpcError } from "../status.ts";

/** Milliseconds that a unary call may take when nobody says otherwise. */
const DEADLINE_MS = 5000;

/** A reconnect is tried after 100 ms at first: a probe must notice quickly that a server came back. */
const CHANNEL_OPTIONS = {
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1000,
  "grpc.max_receive_message_length": -1,
  "grpc.use_local_subchannel_pool": 1,
};

/** A client of the server at `address`, without TLS. */
export function connectGrpcJs({ address }: { address: string }): GrpcClient {
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), CHANNEL_OPTIONS);
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

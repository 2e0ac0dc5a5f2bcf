/** The reference engine: @grpc/grpc-js with an identity codec, so that handlers see bytes. */
// @ts-types="./vendor/grpc_js.d.ts"
import * as grpc from "./vendor/grpc_js.mjs";
import { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import { hostPort, type Log, UnavailableError } from "../service/mod.ts";
import type { Engine, EngineOptions } from "./transport.ts";
import {
  type BidiCall,
  type BidiHandler,
  type Call,
  isWireFault,
  type UnaryHandler,
} from "./service.ts";
import { GRPC_STATUS, GrpcError, statusOf } from "./status.ts";

/** As many as the other engine takes. */
const MAX_CONCURRENT_STREAMS = 5_000;

type UnaryCall = grpc.ServerUnaryCall<Uint8Array, Uint8Array>;
type DuplexCall = grpc.ServerDuplexStream<Uint8Array, Uint8Array>;

/** Starts a grpc-js server; see `startGrpcServer`. Throws `UnavailableError` where node:http2 does not carry it. */
export async function startGrpcJs(options: EngineOptions): Promise<Engine> {
  if (options.tls !== undefined) {
    // Under Deno 2.9 its secure server answers some handshakes in plain text.
    throw new TypeError('Cannot serve TLS with engine "grpc-js": use engine "native"');
  }
  // Before 2.9 its sessions have no socket by the time that grpc-js asks for it: the first client ends the process.
  const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
  if (major === 2 && minor < 9) {
    throw new UnavailableError(
      `Cannot serve gRPC with grpc-js on Deno ${Deno.version.deno}, whose node:http2 does not carry it: use Deno 2.9, the self-extracting binary, or engine "native"`,
    );
  }
  const server = new grpc.Server({
    "grpc.max_receive_message_length": options.maxReceiveBytes,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": MAX_CONCURRENT_STREAMS,
  });
  for (const service of options.services) {
    const definition: Record<string, grpc.MethodDefinition<Uint8Array, Uint8Array>> = {};
    const handlers: grpc.UntypedServiceImplementation = {};
    for (const [name, method] of Object.entries(service.methods)) {
      const streams = "bidi" in method;
      definition[name] = methodDefinition(`/${service.name}/${name}`, streams);
      handlers[name] = streams ? bidi(method.bidi) : unary(method.unary);
    }
    server.addService(definition, handlers);
  }
  const unguard = guard(options.log);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      hostPort(options.host, options.port),
      grpc.ServerCredentials.createInsecure(),
      (error, bound) => error === null ? resolve(bound) : reject(error),
    )
  );
  return {
    port,
    stop: (graceMs) =>
      new Promise((resolve) => {
        const force = () => server.forceShutdown();
        const timer = graceMs > 0 ? setTimeout(force, graceMs) : undefined;
        server.tryShutdown(() => {
          clearTimeout(timer);
          unguard();
          resolve();
        });
        if (timer === undefined) force();
      }),
  };
}

/**
 * Reports what grpc-js and node:http2 throw where nobody can catch it (a stream that is gone is answered), in place of
 * the program's end. Returns what takes the guard away.
 */
function guard(log: Log): () => void {
  const onError = (event: ErrorEvent) => {
    const { error } = event;
    if (!(error instanceof Error) || !/grpc_js|http2/i.test(error.stack ?? "")) return;
    event.preventDefault();
    log(`grpc-js: ${error.message}`);
  };
  globalThis.addEventListener("error", onError);
  return () => globalThis.removeEventListener("error", onError);
}

/** A definition whose messages are bytes, for servers and clients alike. */
export function methodDefinition(
  path: string,
  streams: boolean,
): grpc.MethodDefinition<Uint8Array, Uint8Array> {
  const toBuffer = (message: Uint8Array) =>
    Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const same = (bytes: Buffer): Uint8Array => bytes;
  return {
    path,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: toBuffer,
    requestDeserialize: same,
    responseSerialize: toBuffer,
    responseDeserialize: same,
  };
}

class GrpcJsCall implements Call {
  readonly #call: UnaryCall | DuplexCall;
  #signal: AbortSignal | undefined;
  trailers: Record<string, string> = {};

  constructor(call: UnaryCall | DuplexCall) {
    this.#call = call;
  }

  get path(): string {
    return this.#call.getPath();
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  get metadata(): Readonly<Record<string, string>> {
    const out: Record<string, string> = {};
    for (const name of Object.keys(this.#call.metadata.getMap())) {
      out[name] = this.#call.metadata.get(name).map(String).join(",");
    }
    return out;
  }

  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const controller = new AbortController();
      this.#signal = controller.signal;
      const cancelled = () => controller.abort(new GrpcError(GRPC_STATUS.CANCELLED, "call ended"));
      if (this.#call.cancelled) cancelled();
      else (this.#call as EventEmitter).on("cancelled", cancelled);
    }
    return this.#signal;
  }

  /** `trailers` as grpc-js wants them. */
  trailing(): grpc.Metadata {
    return grpc.Metadata.fromHttp2Headers(this.trailers);
  }
}

function unary(handler: UnaryHandler): grpc.handleUnaryCall<Uint8Array, Uint8Array> {
  return async (call, callback) => {
    const context = new GrpcJsCall(call);
    try {
      const answer = await handler(call.request, context);
      if (isWireFault(answer)) {
        throw new GrpcError(GRPC_STATUS.UNIMPLEMENTED, "wire faults need the native engine");
      }
      callback(null, answer, context.trailing());
    } catch (error) {
      callback({ ...statusOf(error), metadata: context.trailing() });
    }
  };
}

class GrpcJsBidi extends GrpcJsCall implements BidiCall {
  readonly #stream: DuplexCall;
  readonly messages: AsyncIterable<Uint8Array>;

  constructor(call: DuplexCall) {
    super(call);
    this.#stream = call;
    // A plain `for await` would destroy the stream at its end, answers and status included.
    this.messages = call.iterator({ destroyOnReturn: false });
  }

  async write(message: Uint8Array): Promise<void> {
    this.signal.throwIfAborted();
    if (this.#stream.write(message)) return;
    await new Promise<void>((resolve, reject) => {
      const aborted = () => reject(this.signal.reason);
      this.signal.addEventListener("abort", aborted, { once: true });
      this.#stream.once("drain", () => {
        this.signal.removeEventListener("abort", aborted);
        resolve();
      });
    });
  }
}

function bidi(handler: BidiHandler): grpc.handleBidiStreamingCall<Uint8Array, Uint8Array> {
  return async (call) => {
    const context = new GrpcJsBidi(call);
    // A cancelled stream errors; its signal and iterator tell the handler, nobody else needs to know.
    call.on("error", () => {});
    try {
      await handler(context);
      if (!call.destroyed) call.end(context.trailing());
    } catch (error) {
      if (!context.signal.aborted) {
        call.emit("error", { ...statusOf(error), metadata: context.trailing() });
      }
    }
  };
}

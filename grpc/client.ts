/** Calls as a client, for probes and tests; messages are bytes. */
import { type CallHead, ClientCall } from "./client_call.ts";
import type { H2Connection } from "../http2/mod.ts";
import { dial, type GrpcClientOptions, type Target, targetOf } from "./dial.ts";
import { GRPC_STATUS, GrpcError } from "./status.ts";

/** Options of one call. */
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

/** Makes a client; nothing is dialled yet. Disposing it ends its calls with CANCELLED. */
export function connectGrpc(options: GrpcClientOptions): GrpcClient {
  const channel = new Channel(targetOf(options));
  return {
    unary: (path, message, call = {}) => unary(channel, { path, message, call }),
    bidi: (path, call = {}) => bidi(channel, path, call),
    [Symbol.dispose]: () => channel.close(),
  };
}

/** The connection to a server: made when a call needs it, made anew when it was lost or retired. */
class Channel {
  readonly #target: Target;
  readonly #calls = new Set<ClientCall>();
  #connection: H2Connection | undefined;
  #dialling: Promise<H2Connection> | undefined;
  /** Calls that wait for the server to take another stream. */
  #waiting: (() => void)[] = [];
  #closed = false;

  constructor(target: Target) {
    this.#target = target;
  }

  /** Starts a call as soon as the server takes it. Rejects with UNAVAILABLE when it cannot be reached, or the signal's reason. */
  async open(
    head: Pick<CallHead, "path" | "metadata" | "timeoutMs">,
    signal: AbortSignal,
  ): Promise<ClientCall> {
    while (true) {
      signal.throwIfAborted();
      const connection = await abortable(this.#connected(), signal);
      if (this.#closed) throw new GrpcError(GRPC_STATUS.CANCELLED, "the client was closed");
      if (connection.retired) {
        if (this.#connection === connection) this.#connection = undefined;
        continue;
      }
      if (connection.takesMore) {
        const { scheme, authority } = this.#target;
        const call = new ClientCall(connection, { ...head, scheme, authority });
        this.#calls.add(call);
        const forget = () => this.#calls.delete(call);
        call.ended.then(forget, forget);
        return call;
      }
      await abortable(new Promise<void>((resolve) => this.#waiting.push(resolve)), signal);
    }
  }

  close(): void {
    this.#closed = true;
    for (const call of this.#calls) {
      call.cancel(new GrpcError(GRPC_STATUS.CANCELLED, "the client was closed"));
    }
    this.#connection?.flush();
    this.#connection?.socket.destroySoon();
    this.#changed();
  }

  #connected(): Promise<H2Connection> {
    if (this.#connection !== undefined) return Promise.resolve(this.#connection);
    this.#dialling ??= dial(this.#target, { changed: () => this.#changed() }).then(
      (connection) => {
        this.#dialling = undefined;
        if (this.#closed) connection.socket.destroy();
        return this.#connection = connection;
      },
      (error: Error) => {
        this.#dialling = undefined;
        throw new GrpcError(
          GRPC_STATUS.UNAVAILABLE,
          `Cannot connect to ${this.#target.name}: ${error.message}`,
        );
      },
    );
    return this.#dialling;
  }

  #changed(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

async function unary(
  channel: Channel,
  { path, message, call }: { path: string; message: Uint8Array; call: CallOptions },
): Promise<Uint8Array> {
  using limits = limitsOf({ deadlineMs: DEADLINE_MS, ...call });
  // A call that the server never looked at is safe to ask once more (gRPC's transparent retry).
  for (let last = false;; last = true) {
    const started = await channel.open(
      { path, metadata: call.metadata ?? {}, timeoutMs: limits.leftMs() },
      limits.signal,
    );
    const stop = () => started.cancel(limits.signal.reason);
    limits.signal.addEventListener("abort", stop, { once: true });
    started.sendEnd(message);
    const { error, unseen } = await started.ended;
    limits.signal.removeEventListener("abort", stop);
    if (unseen && !last) continue;
    if (error !== undefined) throw error;
    const answer = await started.next();
    if (answer !== undefined) return answer;
    throw new GrpcError(GRPC_STATUS.INTERNAL, "status OK without a message");
  }
}

function bidi(channel: Channel, path: string, options: CallOptions): ClientStream {
  const limits = limitsOf(options);
  const cancelled = new AbortController();
  const signal = AbortSignal.any([limits.signal, cancelled.signal]);
  const head = { path, metadata: options.metadata ?? {}, timeoutMs: limits.leftMs() };
  const opened = channel.open(head, signal);
  opened.then((call) => {
    const stop = () => call.cancel(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    const over = () => {
      signal.removeEventListener("abort", stop);
      limits[Symbol.dispose]();
    };
    call.ended.then(over, over);
  }, () => limits[Symbol.dispose]());
  // Whoever reads the messages hears of it; a stream that nobody reads must not take the process down.
  const whenOpen = (action: (call: ClientCall) => void) => void opened.then(action, () => {});
  return {
    messages: messagesOf(opened),
    write: (message) => whenOpen((call) => call.send(message)),
    end: () => whenOpen((call) => call.sendEnd()),
    cancel: () => cancelled.abort(new GrpcError(GRPC_STATUS.CANCELLED, "the caller left")),
  };
}

async function* messagesOf(opened: Promise<ClientCall>): AsyncGenerator<Uint8Array> {
  const call = await opened;
  for (let next = await call.next(); next !== undefined; next = await call.next()) yield next;
}

/** Joins the deadline and the caller's signal into one that aborts with a `GrpcError`. */
interface Limits extends Disposable {
  readonly signal: AbortSignal;
  leftMs(): number | undefined;
}

function limitsOf({ deadlineMs, signal }: CallOptions): Limits {
  const controller = new AbortController();
  const until = deadlineMs === undefined ? undefined : performance.now() + deadlineMs;
  const leave = () => controller.abort(new GrpcError(GRPC_STATUS.CANCELLED, "the caller left"));
  if (signal?.aborted) leave();
  signal?.addEventListener("abort", leave, { once: true });
  const timer = deadlineMs === undefined ? undefined : setTimeout(
    () => controller.abort(new GrpcError(GRPC_STATUS.DEADLINE_EXCEEDED, "deadline exceeded")),
    deadlineMs,
  );
  return {
    signal: controller.signal,
    leftMs: () => until === undefined ? undefined : until - performance.now(),
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", leave);
    },
  };
}

/** Waits for `promise`, but not longer than `signal`; rejects with its reason. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const left = Promise.withResolvers<never>();
  const leave = () => left.reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([promise, left.promise]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

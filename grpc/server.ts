/** One way to start a gRPC server, whichever engine carries it. */
import { assertPortFree, hostPort, loadModule, type Log, silent } from "../service/mod.ts";
import { Health, type ServingStatus } from "./health.ts";
import { reflectionServices } from "./reflection.ts";
import type { ServerTls } from "./transport.ts";
import { ofPeer } from "./of_peer.ts";
import type { GrpcService } from "./service.ts";
import { startNative } from "./http2_transport.ts";

/** Options of {@linkcode startGrpcServer}. */
export interface GrpcServerOptions {
  /** Interface to listen on; `127.0.0.1` unless told otherwise. */
  readonly host?: string;
  /** Port to listen on; 0, the default, picks a free one. */
  readonly port?: number;
  readonly services: readonly GrpcService[];
  /** Serve grpc.health.v1; on by default. */
  readonly health?: boolean;
  /** Serve reflection v1 and v1alpha; on by default. */
  readonly reflection?: boolean;
  readonly tls?: ServerTls;
  /**
   * `native`, the default, is this room's own HTTP/2: faster, and able to break an answer on
   * purpose. `grpc-js` is the reference implementation, without TLS. Both pass the same tests.
   */
  readonly engine?: "native" | "grpc-js";
  /** Longest message taken, in bytes; 32 MiB by default, since ext_proc may carry whole bodies. */
  readonly maxReceiveBytes?: number;
  /** Answers calls that carry this secret, and others with UNAUTHENTICATED; health and reflection are for everybody. */
  readonly peerSecret?: string | undefined;
  /** Gets one line for what goes wrong inside of the engine. */
  readonly log?: Log;
}

/** A running server. Disposing it gives running calls `graceMs` of {@linkcode GrpcServer.stop}'s default. */
export interface GrpcServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  /** Sets what gRPC health says of a service; the empty name is the whole server. */
  setHealth(service: string, status: ServingStatus): void;
  /**
   * Stops listening, lets running calls end for at most `graceMs` milliseconds (default 0), then
   * resets the rest and closes every connection. Idempotent.
   */
  stop(graceMs?: number): Promise<void>;
}

/** Longest message taken unless told otherwise. */
const MAX_RECEIVE_BYTES = 32 * 1024 * 1024;

/**
 * Starts a server and resolves when it listens.
 *
 * @throws {UnavailableError} that names the holder, when the port is taken or not allowed
 * @throws {UsageError} for a host that is no address of this machine
 */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const host = options.host ?? "127.0.0.1";
  const names = options.services.map(({ name }) => name);
  const health = new Health(names);
  const { peerSecret } = options;
  const services = peerSecret === undefined
    ? [...options.services]
    : options.services.map((service) => ofPeer(service, peerSecret));
  if (options.health !== false) services.push(health.service());
  if (options.reflection !== false) {
    services.push(...reflectionServices(services.map(({ name }) => name)));
  }
  // Loaded only where it serves: it is 50 ms of every start that does without.
  const start = options.engine === "grpc-js"
    ? (await loadModule<typeof import("./grpc_js_transport.ts")>("grpc/grpc_js_transport.ts"))
      .startGrpcJs
    : startNative;
  const starting = start({
    host,
    port: options.port ?? 0,
    services,
    tls: options.tls,
    maxReceiveBytes: options.maxReceiveBytes ?? MAX_RECEIVE_BYTES,
    onDeaf: (deaf) => health.setDeaf(deaf),
    log: options.log ?? silent,
  });
  const engine = await starting.catch(async (error) => {
    // Looked up only now: a start that succeeds needs no second listener.
    await assertPortFree({ host, port: options.port ?? 0, what: names[0] ?? "gRPC" });
    throw error;
  });
  let stopping: Promise<void> | undefined;
  const stop = (graceMs = 0) => stopping ??= engine.stop(graceMs);
  return {
    host,
    port: engine.port,
    address: hostPort(host, engine.port),
    setHealth: (service, status) => health.set(service, status),
    stop,
    [Symbol.asyncDispose]: () => stop(),
  };
}

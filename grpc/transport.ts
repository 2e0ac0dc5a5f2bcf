/** The interface of the engines under `startGrpcServer`. */
import type { Log } from "../service/mod.ts";
import type { GrpcService } from "./service.ts";

/** Certificates of a server, as PEM texts. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** Certificate authority whose clients alone are taken (mutual TLS). */
  readonly clientCa?: string;
}

/** Settings of an engine: everything decided. */
export interface EngineOptions {
  readonly host: string;
  readonly port: number;
  readonly services: readonly GrpcService[];
  readonly tls: ServerTls | undefined;
  readonly maxReceiveBytes: number;
  /** Called when the listener hears no new connection, for want of open files, and when it does again. */
  readonly onDeaf: (deaf: boolean) => void;
  /** Gets a line for what went wrong inside. */
  readonly log: Log;
}

/** A running engine. */
export interface Engine {
  readonly port: number;
  stop(graceMs: number): Promise<void>;
}

/** The types of @grpc/grpc-js that are used here: https://grpc.github.io/grpc/node/ */
import type { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { Duplex, Readable } from "node:stream";

/** How a method is called: its path, and what turns messages into bytes. */
export interface MethodDefinition<Request, Response> {
  path: string;
  requestStream: boolean;
  responseStream: boolean;
  requestSerialize: (value: Request) => Buffer;
  requestDeserialize: (bytes: Buffer) => Request;
  responseSerialize: (value: Response) => Buffer;
  responseDeserialize: (bytes: Buffer) => Response;
}

/** Metadata of a call. */
export class Metadata {
  static fromHttp2Headers(headers: Record<string, string>): Metadata;
  getMap(): Record<string, string | Buffer>;
  get(name: string): (string | Buffer)[];
  set(name: string, value: string): void;
}

/** A status other than OK. */
export interface ServiceError extends Error {
  code: number;
  details: string;
}

interface ServerCall {
  readonly cancelled: boolean;
  readonly metadata: Metadata;
  getPath(): string;
  getPeer(): string;
}

/** A call with one request, on the server. */
export interface ServerUnaryCall<Request, _Response> extends ServerCall, EventEmitter {
  readonly request: Request;
}

/** A call with streams both ways, on the server. */
export interface ServerDuplexStream<_Request, _Response> extends ServerCall, Duplex {
  end(metadata?: unknown): this;
  iterator: Readable["iterator"];
}

type Status = { code: number; details: string; metadata?: Metadata };

/** Answers a call with one request. */
export type handleUnaryCall<Request, Response> = (
  call: ServerUnaryCall<Request, Response>,
  callback: (error: Status | null, value?: Response, trailers?: Metadata) => void,
) => void;

/** Answers a call with streams both ways. */
export type handleBidiStreamingCall<Request, Response> = (
  call: ServerDuplexStream<Request, Response>,
) => void;

/** Handlers by method name. */
export type UntypedServiceImplementation = Record<
  string,
  | handleUnaryCall<Uint8Array, Uint8Array>
  | handleBidiStreamingCall<Uint8Array, Uint8Array>
>;

/** A server. */
export class Server {
  constructor(options: Record<string, number>);
  addService(
    definition: Record<string, MethodDefinition<Uint8Array, Uint8Array>>,
    handlers: UntypedServiceImplementation,
  ): void;
  bindAsync(
    address: string,
    credentials: unknown,
    callback: (error: Error | null, port: number) => void,
  ): void;
  tryShutdown(callback: () => void): void;
  forceShutdown(): void;
}

export const ServerCredentials: { createInsecure(): unknown };
export const credentials: { createInsecure(): unknown };

/** A call with one answer, on the client. */
export interface ClientUnaryCall {
  cancel(): void;
}

/** A call with streams both ways, on the client. */
export interface ClientDuplexStream<_Request, _Response> extends Duplex {
  cancel(): void;
}

/** A client without generated code. */
export class Client {
  constructor(address: string, credentials: unknown, options: Record<string, number>);
  makeUnaryRequest<Request, Response>(
    path: string,
    serialize: (value: Request) => Buffer,
    deserialize: (bytes: Buffer) => Response,
    message: Request,
    metadata: Metadata,
    options: { deadline?: number },
    callback: (error: ServiceError | null, value?: Response) => void,
  ): ClientUnaryCall;
  makeBidiStreamRequest<Request, Response>(
    path: string,
    serialize: (value: Request) => Buffer,
    deserialize: (bytes: Buffer) => Response,
    metadata: Metadata,
    options: { deadline?: number },
  ): ClientDuplexStream<Request, Response>;
  close(): void;
}

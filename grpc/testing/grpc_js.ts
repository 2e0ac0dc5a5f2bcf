/** The reference implementation, @grpc/grpc-js, with the types of what the tests use of it. */
import type { Buffer } from "node:buffer";
import { npmModule } from "../../service/testing/npm_module.ts";

const module = await npmModule("grpc_js.ts");

// deno-lint-ignore no-explicit-any -- it comes without its types
export const grpc: any = module.grpc;

/** How a method's messages are written and read: here, as the bytes they are. */
export interface MethodDefinition {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (message: Uint8Array) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Uint8Array;
  readonly responseSerialize: (message: Uint8Array) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Uint8Array;
}

export interface Metadata {
  getMap(): Record<string, unknown>;
  get(name: string): unknown[];
  set(name: string, value: string): void;
}

/** Messages serialised and read by a `.proto` root, the way that grpc-js is fed by most. */
export interface LoadedMethod {
  requestSerialize(message: object): Buffer;
  responseDeserialize(bytes: Buffer): unknown;
}

/** proto-loader: a root as JSON to its services' methods. */
export const fromJSON: (
  root: object,
  options: object,
) => Record<string, Record<string, LoadedMethod>> = module.fromJSON;

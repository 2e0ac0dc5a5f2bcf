/**
 * gRPC in plain functions: servers, health, reflection and clients. The only room with
 * @grpc/grpc-js in it.
 *
 * A handler takes bytes and gives bytes; `messageCodec()` of `messages/` turns them into plain
 * objects.
 *
 * ```ts
 * import { messageCodec } from "../grpc/messages/mod.ts";
 * import { startGrpcServer } from "../grpc/mod.ts";
 *
 * const request = messageCodec("envoy.service.auth.v3.CheckRequest");
 * const response = messageCodec("envoy.service.auth.v3.CheckResponse");
 * await using server = await startGrpcServer({
 *   services: [{
 *     name: "envoy.service.auth.v3.Authorization",
 *     methods: {
 *       Check: {
 *         unary(bytes) {
 *           const asked = request.decode(bytes);
 *           return response.encode({ status: { code: "attributes" in asked ? 0 : 7 } });
 *         },
 *       },
 *     },
 *   }],
 * });
 * server.address; // grpcurl -plaintext ADDRESS list
 * ```
 *
 * @module
 */
export { startGrpcServer } from "./server.ts";
export type { GrpcServer, GrpcServerOptions } from "./server.ts";
export type { ServerTls } from "./transport.ts";
export { isWireFault, WIRE_FAULTS } from "./service.ts";
export type {
  BidiCall,
  BidiHandler,
  Call,
  GrpcService,
  Method,
  UnaryHandler,
  WireFault,
  WireFaultName,
} from "./service.ts";
export type { ServingStatus } from "./health.ts";
export { connectGrpc } from "./client.ts";
export type { CallOptions, ClientStream, GrpcClient } from "./client.ts";
export type { GrpcClientOptions } from "./dial.ts";
export { LEN, Reader as WireReader, VARINT, Writer as WireWriter } from "./wire_format.ts";
export { readStruct, writeStruct } from "./wire_struct.ts";
export { observeCall } from "./observe.ts";
export type { ObservedCall, ObservedFrame, ObserveOptions } from "./observe.ts";
export { GRPC_STATUS, GrpcError, statusName } from "./status.ts";
export type { FileDescriptor, JsonObject, MessageCodec } from "./messages/mod.ts";

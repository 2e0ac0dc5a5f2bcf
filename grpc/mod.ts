/**
 * gRPC in plain functions: servers, health, reflection, clients, and the messages of the contracts
 * that Envoy speaks (ext_authz, ext_proc). The only room that imports @grpc/grpc-js.
 *
 * A handler takes bytes and gives bytes; {@linkcode messageCodec} turns them into plain objects.
 *
 * ```ts
 * import { messageCodec, startGrpcServer } from "../grpc/mod.ts";
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
export type { ServerTls } from "./engine.ts";
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
export type { GrpcClientOptions } from "./h2/dial.ts";
export { decodeCheckRequest } from "./check_request.ts";
export type { CheckPeer, CheckRequest } from "./check_request.ts";
export { APPEND_ACTIONS, encodeCheckResponse } from "./check_response.ts";
export type {
  AppendAction,
  CheckResponse,
  DeniedResponse,
  HeaderOption,
  OkResponse,
} from "./check_response.ts";
export { Reader as WireReader, Writer as WireWriter } from "./wire_format.ts";
export { readStruct, writeStruct } from "./wire_struct.ts";
export { checkClient } from "./check_client.ts";
export type { CheckClient, Verdict } from "./check_client.ts";
export { H2Connection } from "./h2/connection.ts";
export { FLAG, FRAME, H2_ERROR } from "./h2/frames.ts";
export { encodeHeaders } from "./h2/hpack.ts";
export type { H2Stream, StreamEvents } from "./h2/stream.ts";
export { observeCall } from "./h2/observe.ts";
export type { ObservedCall, ObservedFrame, ObserveOptions } from "./h2/observe.ts";
export { GRPC_STATUS, GrpcError, statusName } from "./status.ts";
export { fileDescriptors } from "./descriptors.ts";
export type { FileDescriptor } from "./descriptors.ts";
export { messageCodec, PROTO_TEXTS } from "./schema.ts";
export type { MessageCodec } from "./schema.ts";
export type { JsonObject } from "./proto_json.ts";

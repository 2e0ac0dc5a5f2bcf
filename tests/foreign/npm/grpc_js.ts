/** The gRPC reference implementation, as a module for tests (`service/testing/npm_module.ts`). */
export * as grpc from "@grpc/grpc-js";
export { fromJSON } from "@grpc/proto-loader";

/** gRPC's own reader of .proto files, as a module for tests (`service/testing/npm_module.ts`). */
export { loadSync } from "@grpc/proto-loader";

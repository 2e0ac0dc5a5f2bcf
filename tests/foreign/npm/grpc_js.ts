/** The reference implementation of gRPC: bundled to `grpc/vendor/grpc_js.mjs` by `deno task vendor`. */
export { Client, credentials, Metadata, Server, ServerCredentials, status } from "@grpc/grpc-js";

/**
 * The messages of every service here, by name: codecs between bytes and plain objects, and the
 * descriptors that reflection serves. A door of its own, since a server that reads its messages by
 * hand starts without the library behind it.
 *
 * ```ts
 * import { messageCodec } from "./mod.ts";
 *
 * const response = messageCodec("envoy.service.auth.v3.CheckResponse");
 * response.encode({ status: { code: 7 } });
 * ```
 *
 * @module
 */
export { fileDescriptors, messageCodec, protoTypes } from "./schema.ts";
export type { FileDescriptor, JsonObject, MessageCodec } from "./schema.ts";

/** grpc.reflection v1 and v1alpha: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md */
import { loadModule } from "../service/mod.ts";
import type { FileDescriptor, JsonObject } from "./messages/mod.ts";
import { echoOf, GRPC_STATUS, GrpcError } from "./status.ts";
import type { BidiCall, GrpcService } from "./service.ts";

/** Both versions: their messages are the same, their package is not, and clients ask for either. */
const VERSIONS = ["v1", "v1alpha"] as const;

type Messages = typeof import("./messages/mod.ts");

/** All that an answer is made of. */
interface Known {
  readonly messages: Messages;
  readonly services: readonly string[];
}

/** Longest request that an answer repeats, bytes. */
const MAX_REPEATED = 200;

/** The reflection services that describe `services`, by full name. */
export function reflectionServices(services: readonly string[]): GrpcService[] {
  const own = VERSIONS.map((version) => `grpc.reflection.${version}.ServerReflection`);
  const names = [...services, ...own];
  return VERSIONS.map((version, i) => ({
    name: own[i] ?? "",
    methods: { ServerReflectionInfo: { bidi: (call) => info(call, version, names) } },
  }));
}

async function info(call: BidiCall, version: string, services: string[]): Promise<void> {
  // Loaded with the first question: a server starts without one.
  const messages = await loadModule<Messages>("grpc/messages/mod.ts");
  const { messageCodec } = messages;
  const request = messageCodec(`grpc.reflection.${version}.ServerReflectionRequest`);
  const response = messageCodec(`grpc.reflection.${version}.ServerReflectionResponse`);
  for await (const message of call.messages) {
    const asked = decoded(() => request.decode(message));
    await call.write(response.encode({
      // What is repeated must not grow with the request.
      ...(message.length > MAX_REPEATED
        ? {}
        : { valid_host: asked["host"] ?? "", original_request: asked }),
      ...answer(asked, { messages, services }),
    }));
  }
}

function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch {
    throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, "Cannot decode the ServerReflectionRequest");
  }
}

function answer(asked: JsonObject, known: Known): JsonObject {
  const { messages, services } = known;
  if (asked["list_services"] !== undefined) {
    return { list_services_response: { service: services.map((name) => ({ name })) } };
  }
  const symbol = asked["file_containing_symbol"];
  if (typeof symbol === "string") {
    const home = fileOf(messages, symbol);
    return home === undefined
      ? notFound(`symbol "${echoOf(symbol)}"`)
      : files(messages, ({ name }) => name === home);
  }
  const file = asked["file_by_filename"];
  if (typeof file === "string") {
    return messages.fileDescriptors().some(({ name }) => name === file)
      ? files(messages, ({ name }) => name === file)
      : notFound(`file "${echoOf(file)}"`);
  }
  const type = asked["all_extension_numbers_of_type"];
  if (typeof type === "string") {
    return { all_extension_numbers_response: { base_type_name: echoOf(type) } };
  }
  return notFound("extension: proto3 has none");
}

/** The file that declares a type, a service, or one of its methods. */
function fileOf(messages: Messages, symbol: string): string | undefined {
  const types = messages.protoTypes();
  const method = symbol.lastIndexOf(".");
  const service = types.getService(symbol.slice(0, method));
  const isMethod = service?.methods.some(({ name }) => name === symbol.slice(method + 1));
  return (types.get(symbol) ?? (isMethod ? service : undefined))?.file.proto.name;
}

/** The file asked for first, as clients expect, and all others behind it: that saves the round trips. */
function files(messages: Messages, wanted: (file: FileDescriptor) => boolean): JsonObject {
  const all = messages.fileDescriptors();
  const sorted = [...all.filter(wanted), ...all.filter((file) => !wanted(file))];
  return { file_descriptor_response: { file_descriptor_proto: sorted.map(({ bytes }) => bytes) } };
}

function notFound(what: string): JsonObject {
  return {
    error_response: { error_code: GRPC_STATUS.NOT_FOUND, error_message: `unknown ${what}` },
  };
}

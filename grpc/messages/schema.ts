/** The messages of every service here, by name: generated code of the subsets in `protos/` (`deno task protos`). */
import { Buffer } from "node:buffer";
import {
  createRegistry,
  type DescField,
  type DescFile,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type Registry,
  ScalarType,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { file_access_log } from "./protos/gen/access_log_pb.ts";
import { file_access_log_service } from "./protos/gen/access_log_service_pb.ts";
import { file_discovery } from "./protos/gen/discovery_pb.ts";
import { file_endpoint_discovery } from "./protos/gen/endpoint_discovery_pb.ts";
import { file_endpoint } from "./protos/gen/endpoint_pb.ts";
import { file_envoy_core } from "./protos/gen/envoy_core_pb.ts";
import { file_envoy_type } from "./protos/gen/envoy_type_pb.ts";
import { file_ext_authz } from "./protos/gen/ext_authz_pb.ts";
import { file_ext_proc_mode } from "./protos/gen/ext_proc_mode_pb.ts";
import { file_ext_proc } from "./protos/gen/ext_proc_pb.ts";
import { file_google_rpc } from "./protos/gen/google_rpc_pb.ts";
import { file_health } from "./protos/gen/health_pb.ts";
import { file_ratelimit_descriptor } from "./protos/gen/ratelimit_descriptor_pb.ts";
import { file_ratelimit } from "./protos/gen/ratelimit_pb.ts";
import { file_reflection_v1 } from "./protos/gen/reflection_v1_pb.ts";
import { file_reflection_v1alpha } from "./protos/gen/reflection_v1alpha_pb.ts";

/** The subsets: what this program claims to know of each contract. */
const SUBSETS: readonly DescFile[] = [
  file_google_rpc,
  file_envoy_type,
  file_envoy_core,
  file_ext_authz,
  file_ext_proc_mode,
  file_ext_proc,
  file_endpoint,
  file_discovery,
  file_endpoint_discovery,
  file_ratelimit_descriptor,
  file_ratelimit,
  file_access_log,
  file_access_log_service,
  file_health,
  file_reflection_v1,
  file_reflection_v1alpha,
];

/** A plain JSON-like object; bytes are a `Uint8Array`. */
export type JsonObject = { [field: string]: unknown };

/** A file descriptor as reflection serves it. */
export interface FileDescriptor {
  /** File name of the descriptor; others import it under this name. */
  readonly name: string;
  readonly package: string;
  /** Serialised `google.protobuf.FileDescriptorProto`. */
  readonly bytes: Uint8Array;
}

let registry: Registry | undefined;

/** Every type of the subsets and of the well-known files that they import. */
export function protoTypes(): Registry {
  return registry ??= createRegistry(...withImports());
}

/** Each file after those that it imports. */
function withImports(): DescFile[] {
  const files = new Map<string, DescFile>();
  const add = (file: DescFile) => {
    for (const one of file.dependencies) add(one);
    files.set(file.name, file);
  };
  for (const file of SUBSETS) add(file);
  return [...files.values()];
}

let descriptors: readonly FileDescriptor[] | undefined;

/** Descriptors of all subsets and of the well-known types they use, as protoc wrote them. */
export function fileDescriptors(): readonly FileDescriptor[] {
  return descriptors ??= withImports().map(({ proto }) => ({
    name: proto.name,
    package: proto.package,
    bytes: toBinary(FileDescriptorProtoSchema, proto),
  }));
}

/** Encoder and decoder of one message type, between bytes and plain objects with the field names of the .proto file. */
export interface MessageCodec {
  /** The full name of the message type. */
  readonly name: string;
  /**
   * Plain object to bytes: proto3 JSON with snake_case (or camelCase) names, enums as names or
   * numbers, bytes as base64 or `Uint8Array`, and Struct as any JSON object.
   * Throws `TypeError` naming the message and the field that does not exist or has the wrong type.
   */
  encode(value: JsonObject): Uint8Array;
  /**
   * Bytes to a plain object: proto3 JSON with snake_case names, but 64-bit numbers as numbers and bytes as
   * `Uint8Array`. What has its default value is absent. Throws `TypeError` for bytes that are not this message.
   */
  decode(bytes: Uint8Array): JsonObject;
}

const codecs = new Map<string, MessageCodec>();

/** The codec of a message of the subsets, e.g. `envoy.service.ext_proc.v3.ProcessingRequest`; throws `RangeError` for an unknown name. */
export function messageCodec(name: string): MessageCodec {
  const known = codecs.get(name);
  if (known !== undefined) return known;
  const schema = protoTypes().getMessage(name);
  if (schema === undefined) {
    throw new RangeError(`Cannot find message "${name}": it is not in the .proto subsets`);
  }
  const options = { registry: protoTypes() };
  const codec: MessageCodec = {
    name,
    encode: (value) => {
      try {
        return toBinary(schema, fromJson(schema, jsonOf(value), options));
      } catch (error) {
        throw new TypeError(`Cannot encode "${schema.name}": ${told(error as Error)}`);
      }
    },
    decode: (bytes) => {
      try {
        const json = toJson(schema, fromBinary(schema, bytes), {
          ...options,
          useProtoFieldName: true,
        });
        return plainOf(schema, json) as JsonObject;
      } catch (error) {
        throw new TypeError(
          `Cannot decode ${bytes.length} bytes as "${name}": ${(error as Error).message}`,
        );
      }
    },
  };
  codecs.set(name, codec);
  return codec;
}

/** The library's words, and for a field that does not exist those that do. */
function told({ message }: Error): string {
  const unknown = /message (\S+) from JSON: key ".*" is unknown$/.exec(message);
  const fields = protoTypes().getMessage(unknown?.[1] ?? "")?.fields ?? [];
  return unknown === null
    ? message
    : `${message}: it has ${fields.map(({ name }) => name).join(", ")}`;
}

/** A plain value as JSON: bytes as base64, nothing undefined. */
function jsonOf(value: unknown): JsonValue {
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  }
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value !== "object" || value === null) return (value ?? null) as JsonValue;
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== undefined)
      .map(([key, one]) => [key, jsonOf(one)]),
  );
}

const LONG = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
  ScalarType.SINT64,
]);

/** Returns a message's JSON with bytes and numbers of 64 bits, which JSON has no words for, as plain values. */
function plainOf(schema: DescMessage, json: JsonValue): unknown {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    const value = schema.fields[0];
    return schema.typeName.endsWith("Value") && value !== undefined
      ? plainField(value, json)
      : json;
  }
  // Struct, Any and the like are JSON as they are.
  if (schema.typeName.startsWith("google.protobuf.")) return json;
  const out: JsonObject = json;
  for (const field of schema.fields) {
    const value = json[field.name];
    if (value === undefined) continue;
    if (field.fieldKind === "list") {
      out[field.name] = (value as JsonValue[]).map((one) => plainField(field, one));
    } else if (field.fieldKind === "map") {
      out[field.name] = Object.fromEntries(
        Object.entries(value as Record<string, JsonValue>)
          .map(([key, one]) => [key, plainField(field, one)]),
      );
    } else out[field.name] = plainField(field, value);
  }
  return out;
}

function plainField({ message, scalar }: DescField, json: JsonValue): unknown {
  if (message !== undefined) return plainOf(message, json);
  if (scalar === ScalarType.BYTES) return new Uint8Array(Buffer.from(json as string, "base64"));
  return scalar !== undefined && LONG.has(scalar) ? Number(json) : json;
}

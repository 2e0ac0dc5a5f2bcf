/**
 * The messages of every service here, parsed from the hand-written subsets in `protos/`.
 * The texts are part of the program (text imports), so that a compiled binary needs no files;
 * they are parsed on first use, because a policy server alone never needs them.
 */
import protobuf from "protobufjs";
import accessLog from "./protos/access_log.proto" with { type: "text" };
import accessLogService from "./protos/access_log_service.proto" with { type: "text" };
import discovery from "./protos/discovery.proto" with { type: "text" };
import endpoint from "./protos/endpoint.proto" with { type: "text" };
import endpointDiscovery from "./protos/endpoint_discovery.proto" with { type: "text" };
import envoyCore from "./protos/envoy_core.proto" with { type: "text" };
import envoyType from "./protos/envoy_type.proto" with { type: "text" };
import extAuthz from "./protos/ext_authz.proto" with { type: "text" };
import extProc from "./protos/ext_proc.proto" with { type: "text" };
import extProcMode from "./protos/ext_proc_mode.proto" with { type: "text" };
import googleRpc from "./protos/google_rpc.proto" with { type: "text" };
import health from "./protos/health.proto" with { type: "text" };
import rateLimit from "./protos/ratelimit.proto" with { type: "text" };
import rateLimitDescriptor from "./protos/ratelimit_descriptor.proto" with { type: "text" };
import reflectionV1 from "./protos/reflection_v1.proto" with { type: "text" };
import reflectionV1Alpha from "./protos/reflection_v1alpha.proto" with { type: "text" };
import { fromJson, type JsonObject, toJson } from "./proto_json.ts";

/** The subsets by file name: what this program claims to know of each contract. */
export const PROTO_TEXTS: Readonly<Record<string, string>> = {
  "google_rpc.proto": googleRpc,
  "envoy_type.proto": envoyType,
  "envoy_core.proto": envoyCore,
  "ext_authz.proto": extAuthz,
  "ext_proc_mode.proto": extProcMode,
  "ext_proc.proto": extProc,
  "endpoint.proto": endpoint,
  "discovery.proto": discovery,
  "endpoint_discovery.proto": endpointDiscovery,
  "access_log.proto": accessLog,
  "access_log_service.proto": accessLogService,
  "health.proto": health,
  "ratelimit_descriptor.proto": rateLimitDescriptor,
  "ratelimit.proto": rateLimit,
  "reflection_v1.proto": reflectionV1,
  "reflection_v1alpha.proto": reflectionV1Alpha,
};

/** Well-known types that protobufjs carries itself. */
export const WELL_KNOWN = ["any", "struct", "timestamp", "duration", "wrappers"] as const;

let parsed: protobuf.Root | undefined;

/** Every message of the subsets, resolved; parsed once, about 8 ms. */
export function protoRoot(): protobuf.Root {
  if (parsed !== undefined) return parsed;
  const root = new protobuf.Root();
  for (const name of WELL_KNOWN) {
    const common = protobuf.common.get(`google/protobuf/${name}.proto`);
    if (common?.nested !== null && common?.nested !== undefined) {
      root.addJSON(common.nested as Record<string, protobuf.INamespace>);
    }
  }
  for (const text of Object.values(PROTO_TEXTS)) protobuf.parse(text, root, { keepCase: true });
  root.resolveAll();
  parsed = root;
  return root;
}

/** Encoder and decoder of one message type, between bytes and plain objects with the field names of the .proto file. */
export interface MessageCodec {
  /** The full name of the message type. */
  readonly name: string;
  /**
   * Plain object to bytes: proto3 JSON with snake_case (or camelCase) names, enums as names or
   * numbers, bytes as base64 or `Uint8Array`, and Struct as any JSON object.
   * Throws `TypeError` naming the path of a field that does not exist or has the wrong type.
   */
  encode(value: JsonObject): Uint8Array;
  /** Bytes to a plain object; absent fields are absent. Throws `TypeError` for bytes that are not this message. */
  decode(bytes: Uint8Array): JsonObject;
}

const codecs = new Map<string, MessageCodec>();

/** The codec of a message of the subsets, e.g. `envoy.service.ext_proc.v3.ProcessingRequest`; throws `RangeError` for an unknown name. */
export function messageCodec(name: string): MessageCodec {
  const known = codecs.get(name);
  if (known !== undefined) return known;
  let type: protobuf.Type;
  try {
    type = protoRoot().lookupType(name);
  } catch {
    throw new RangeError(`Cannot find message "${name}": it is not in the .proto subsets`);
  }
  const codec: MessageCodec = {
    name,
    encode: (value) => type.encode(type.fromObject(fromJson(type, value))).finish(),
    decode: (bytes) => {
      try {
        return toJson(type, type.decode(bytes));
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

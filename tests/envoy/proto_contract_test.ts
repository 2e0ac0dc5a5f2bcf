/**
 * The hand-written .proto subsets against the official ones, as the Envoy under test carries them:
 * its binary holds the serialised descriptor of every file that it was built from.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { fromBinary, isFieldSet } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import { fileDescriptors } from "../../grpc/messages/mod.ts";
import { envoyPath } from "../testing/stack.ts";

/** The official files behind each subset. */
const OFFICIAL: Record<string, string[]> = {
  "google_rpc.proto": ["google/rpc/status.proto"],
  "envoy_type.proto": ["envoy/type/v3/http_status.proto"],
  "envoy_core.proto": ["envoy/config/core/v3/base.proto", "envoy/config/core/v3/address.proto"],
  "ext_authz.proto": [
    "envoy/service/auth/v3/external_auth.proto",
    "envoy/service/auth/v3/attribute_context.proto",
  ],
  "ext_proc_mode.proto": ["envoy/extensions/filters/http/ext_proc/v3/processing_mode.proto"],
  "ext_proc.proto": ["envoy/service/ext_proc/v3/external_processor.proto"],
  "endpoint.proto": [
    "envoy/config/endpoint/v3/endpoint.proto",
    "envoy/config/endpoint/v3/endpoint_components.proto",
  ],
  "discovery.proto": ["envoy/service/discovery/v3/discovery.proto"],
  "endpoint_discovery.proto": ["envoy/service/endpoint/v3/eds.proto"],
  "access_log.proto": ["envoy/data/accesslog/v3/accesslog.proto"],
  "access_log_service.proto": ["envoy/service/accesslog/v3/als.proto"],
  "ratelimit_descriptor.proto": ["envoy/extensions/common/ratelimit/v3/ratelimit.proto"],
  "ratelimit.proto": ["envoy/service/ratelimit/v3/rls.proto"],
  "health.proto": ["src/proto/grpc/health/v1/health.proto"],
};

/** Not part of Envoy: these are gRPC's own, and grpcurl's use of them is their test. */
const NOT_ENVOYS = ["reflection_v1.proto", "reflection_v1alpha.proto"];

const ONEOF_INDEX = FieldDescriptorProtoSchema.field.oneofIndex;

/** Number of `syntax` in FileDescriptorProto; protoc writes fields in order, and this one last. */
const SYNTAX = 12;

/** The descriptor of a file, found in the bytes of a program that was built with it. */
function embedded(program: Buffer, file: string): FileDescriptorProto {
  const start = program.indexOf(Buffer.from([0x0a, file.length, ...Buffer.from(file)]));
  assert.notEqual(start, -1, `Envoy's binary holds no descriptor of ${file}`);
  const reader = new BinaryReader(program.subarray(start));
  while (true) {
    const [field, type] = reader.tag();
    reader.skip(type);
    if (field === SYNTAX) break;
  }
  return fromBinary(FileDescriptorProtoSchema, program.subarray(start, start + reader.pos));
}

/** Every message, enum value and method of a file as one line each, so that sets can be compared. */
function facts(file: FileDescriptorProto): Set<string> {
  const lines = new Set<string>();
  const scope = `.${file.package}`;
  const enums = (list: EnumDescriptorProto[], prefix: string) => {
    for (const { name, value } of list) {
      for (const one of value) lines.add(`${prefix}.${name} ${one.name} = ${one.number}`);
    }
  };
  const messages = (list: DescriptorProto[], prefix: string) => {
    for (const { name, field, nestedType, enumType, oneofDecl } of list) {
      const full = `${prefix}.${name}`;
      for (const one of field) {
        const oneof = isFieldSet(one, ONEOF_INDEX) && oneofDecl[one.oneofIndex ?? 0]?.name;
        const entry = one.typeName?.endsWith("Entry") ? "map" : one.typeName;
        lines.add(
          [full, one.name, one.number, one.label, one.type, entry ?? "", oneof || ""].join(" "),
        );
      }
      messages(nestedType.filter((nested) => !nested.name.endsWith("Entry")), full);
      enums(enumType, full);
    }
  };
  messages(file.messageType, scope);
  enums(file.enumType, scope);
  for (const { name, method } of file.service) {
    for (const one of method) {
      const streams = `${Boolean(one.clientStreaming)} ${Boolean(one.serverStreaming)}`;
      lines.add(`${scope}.${name} ${one.name} ${one.inputType} ${one.outputType} ${streams}`);
    }
  }
  return lines;
}

Deno.test("every field, enum value and method of the .proto subsets is the one Envoy was built with", async () => {
  const program = Buffer.from(await Deno.readFile(await envoyPath()));
  // The subsets' descriptors by their own names, as gRPC reflection serves them.
  const subsets = new Map(
    fileDescriptors().filter((one) => one.package !== "google.protobuf").map(({ name, bytes }) => [
      name,
      fromBinary(FileDescriptorProtoSchema, bytes),
    ]),
  );
  const named = [...Object.keys(OFFICIAL), ...NOT_ENVOYS];
  assert.deepEqual([...subsets.keys()].sort(), named.sort());
  for (const [subset, files] of Object.entries(OFFICIAL)) {
    const official = new Set(files.flatMap((file) => [...facts(embedded(program, file))]));
    const mine = facts(subsets.get(subset) as FileDescriptorProto);
    assert.ok(mine.size > 0, subset);
    assert.deepEqual([...mine].filter((fact) => !official.has(fact)), [], subset);
  }
});

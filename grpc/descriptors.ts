/**
 * Descriptors of the subsets, as protoc would write them. protobufjs can make descriptors too, but
 * names types by scope and map entries by field, which Go's reflection refuses.
 */
import protobuf from "protobufjs";
import descriptor from "protobufjs/ext/descriptor/index.js";
import { PROTO_TEXTS, protoRoot, WELL_KNOWN } from "./schema.ts";

/** A file descriptor as reflection serves it. */
export interface FileDescriptor {
  /** File name of the descriptor; others import it under this name. */
  readonly name: string;
  readonly package: string;
  /** Serialised `google.protobuf.FileDescriptorProto`. */
  readonly bytes: Uint8Array;
}

/** `FieldDescriptorProto.Type` by name. */
const TYPES: Readonly<Record<string, number>> = {
  double: 1,
  float: 2,
  int64: 3,
  uint64: 4,
  int32: 5,
  fixed64: 6,
  fixed32: 7,
  bool: 8,
  string: 9,
  bytes: 12,
  uint32: 13,
  sfixed32: 15,
  sfixed64: 16,
  sint32: 17,
  sint64: 18,
};
const MESSAGE = 11;
const ENUM = 14;
const OPTIONAL = 1;
const REPEATED = 3;

type MapField = protobuf.Field & { readonly keyType: string };

let descriptors: readonly FileDescriptor[] | undefined;

/** Descriptors of all subsets and of the well-known types they use, for gRPC reflection. */
export function fileDescriptors(): readonly FileDescriptor[] {
  if (descriptors !== undefined) return descriptors;
  const root = protoRoot();
  const files = [];
  for (const name of WELL_KNOWN) {
    const path = `google/protobuf/${name}.proto`;
    const nested = protobuf.common.get(path)?.nested?.["google"] as protobuf.INamespace | undefined;
    const own = (nested?.nested?.["protobuf"] as protobuf.INamespace | undefined)?.nested ?? {};
    const namespace = root.lookup("google.protobuf") as protobuf.Namespace;
    const members = namespace.nestedArray.filter((member) => Object.hasOwn(own, member.name));
    files.push(file({ name: path, package: "google.protobuf", dependency: [] }, members));
  }
  for (const [name, text] of Object.entries(PROTO_TEXTS)) {
    const about = {
      name,
      package: /^package ([\w.]+);/m.exec(text)?.[1] ?? "",
      dependency: [...text.matchAll(/^import "([^"]+)";/gm)].map((match) => match[1] ?? ""),
    };
    files.push(file(about, (root.lookup(about.package) as protobuf.Namespace).nestedArray));
  }
  descriptors = files;
  return files;
}

function file(
  about: { name: string; package: string; dependency: string[] },
  members: readonly protobuf.ReflectionObject[],
): FileDescriptor {
  const proto = (descriptor as unknown as { FileDescriptorProto: protobuf.Type })
    .FileDescriptorProto;
  const bytes = proto.encode(proto.create({
    ...about,
    messageType: members.filter((one) => one instanceof protobuf.Type).map(message),
    enumType: members.filter((one) => one instanceof protobuf.Enum).map(enumeration),
    service: members.filter((one) => one instanceof protobuf.Service).map(service),
    syntax: "proto3",
  })).finish();
  return { name: about.name, package: about.package, bytes };
}

function message(type: protobuf.Type): object {
  const nested = type.nestedArray;
  // MapField is a Field at run time; its types do not say so.
  const maps = type.fieldsArray.filter((one) => one.map) as unknown as MapField[];
  return {
    name: type.name,
    field: type.fieldsArray.map((one) => field(type, one)),
    nestedType: [
      ...nested.filter((one) => one instanceof protobuf.Type).map(message),
      ...maps.map(mapEntry),
    ],
    enumType: nested.filter((one) => one instanceof protobuf.Enum).map(enumeration),
    oneofDecl: type.oneofsArray.map(({ name }) => ({ name })),
  };
}

function field(type: protobuf.Type, one: protobuf.Field): object {
  const oneof = one.partOf === null ? -1 : type.oneofsArray.indexOf(one.partOf);
  return {
    name: snakeCase(one.name),
    number: one.id,
    label: one.repeated || one.map ? REPEATED : OPTIONAL,
    ...(one.map ? { type: MESSAGE, typeName: `${type.fullName}.${entryName(one)}` } : typeOf(one)),
    ...(oneof < 0 ? {} : { oneofIndex: oneof }),
  };
}

function typeOf(one: protobuf.Field): object {
  const { resolvedType } = one;
  if (resolvedType === null) return { type: TYPES[one.type] };
  const type = resolvedType instanceof protobuf.Enum ? ENUM : MESSAGE;
  return { type, typeName: resolvedType.fullName };
}

/** A map on the wire is a list of these: https://protobuf.dev/programming-guides/proto3/#maps */
function mapEntry(one: MapField): object {
  return {
    name: entryName(one),
    field: [
      { name: "key", number: 1, label: OPTIONAL, type: TYPES[one.keyType] },
      { name: "value", number: 2, label: OPTIONAL, ...typeOf(one) },
    ],
    options: { mapEntry: true },
  };
}

function enumeration(type: protobuf.Enum): object {
  return {
    name: type.name,
    value: Object.entries(type.values).map(([name, number]) => ({ name, number })),
  };
}

function service(type: protobuf.Service): object {
  return {
    name: type.name,
    method: type.methodsArray.map((method) => ({
      name: method.name,
      inputType: method.resolvedRequestType?.fullName,
      outputType: method.resolvedResponseType?.fullName,
      clientStreaming: method.requestStream ?? false,
      serverStreaming: method.responseStream ?? false,
    })),
  };
}

function entryName({ name }: protobuf.Field): string {
  const camel = name.replace(/(?:^|_)([a-z])/g, (_all, letter: string) => letter.toUpperCase());
  return `${camel}Entry`;
}

/** protobufjs' own copies of the well-known types are in camelCase. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

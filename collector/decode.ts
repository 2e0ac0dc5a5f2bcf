/** Reads protobuf by a table into the JSON that OTLP has for the same message (OTLP specification, "JSON Protobuf Encoding"). */
import { Buffer } from "node:buffer";
import { LEN, VARINT, WireReader } from "../grpc/mod.ts";

/** Types of fields; `hex` are the bytes of ids. */
export type Scalar = "string" | "bool" | "int" | "double" | "fixed64" | "hex";

/** A message: by field number the JSON name, the type or the message in it, and whether there are many. */
export interface Table {
  readonly [field: number]: readonly [
    name: string,
    type: Scalar | (() => Table),
    many?: "many",
  ];
}

/** A message in OTLP's JSON. */
export interface OtlpJson {
  [name: string]: OtlpJson | OtlpJson[] | string | number | boolean | undefined;
}

const decoder = new TextDecoder();

/**
 * Decodes one message; fields that the table does not have are passed over.
 *
 * @throws {TypeError} for bytes that are no message
 */
export function decode(bytes: Uint8Array, table: Table): OtlpJson {
  return message(new WireReader(bytes), table);
}

function message(reader: WireReader, table: Table): OtlpJson {
  const json: OtlpJson = {};
  while (reader.next()) {
    const row = table[reader.field];
    if (row === undefined) continue;
    const [name, type, many] = row;
    const value = typeof type === "string" ? scalar(reader, type) : nested(reader, type());
    if (value === undefined) continue;
    if (many === undefined) json[name] = value;
    else (json[name] ??= [] as OtlpJson[], (json[name] as OtlpJson[]).push(value as OtlpJson));
  }
  return json;
}

function nested(reader: WireReader, table: Table): OtlpJson | undefined {
  if (reader.type !== LEN) return undefined;
  return message(new WireReader(reader.bytes, reader.start, reader.end), table);
}

function scalar(reader: WireReader, type: Scalar): string | number | boolean | undefined {
  switch (type) {
    case "string":
      return reader.type === LEN ? decoder.decode(slice(reader)) : undefined;
    case "hex":
      return reader.type === LEN ? Buffer.from(slice(reader)).toString("hex") : undefined;
    case "bool":
      return reader.value !== 0;
    case "int":
      return reader.type === VARINT ? reader.value : undefined;
    case "double":
      return reader.double();
    case "fixed64": {
      const { buffer, byteOffset } = reader.bytes;
      return String(new DataView(buffer, byteOffset).getBigUint64(reader.start, true));
    }
  }
}

function slice(reader: WireReader): Uint8Array {
  return reader.bytes.subarray(reader.start, reader.end);
}

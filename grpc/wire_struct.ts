/** `google.protobuf.Struct` on the wire: https://protobuf.dev/reference/protobuf/google.protobuf/#struct */
import { Reader, type Writer } from "./wire_format.ts";

/** Writes an object of JSON values; fields that are undefined are left out. */
export function writeStruct(writer: Writer, struct: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(struct)) {
    if (value === undefined) continue;
    writer.message(1, (entry) => {
      entry.string(1, key);
      entry.message(2, (inner) => writeValue(inner, value));
    });
  }
}

function writeValue(writer: Writer, value: unknown): void {
  if (value === null) writer.uint(1, 0);
  else if (typeof value === "number") writer.double(2, value);
  else if (typeof value === "string") writer.string(3, value);
  else if (typeof value === "boolean") writer.bool(4, value);
  else if (Array.isArray(value)) {
    writer.message(6, (list) => {
      for (const item of value) list.message(1, (inner) => writeValue(inner, item ?? null));
    });
  } else writer.message(5, (inner) => writeStruct(inner, value as Record<string, unknown>));
}

/** Reads the object in these bytes. Throws `TypeError` for bytes that are no message. */
export function readStruct(reader: Reader): Record<string, unknown> {
  const struct: Record<string, unknown> = {};
  while (reader.next()) {
    if (reader.field !== 1) continue;
    const entry = within(reader);
    let key = "";
    let value: unknown = null;
    while (entry.next()) {
      if (entry.field === 1) key = textOf(entry);
      else if (entry.field === 2) value = readValue(within(entry));
    }
    // Not by assignment: a key may be called __proto__.
    Object.defineProperty(struct, key, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return struct;
}

function readValue(reader: Reader): unknown {
  let value: unknown = null;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        value = null;
        break;
      case 2:
        value = reader.double();
        break;
      case 3:
        value = textOf(reader);
        break;
      case 4:
        value = reader.value !== 0;
        break;
      case 5:
        value = readStruct(within(reader));
        break;
      case 6:
        value = readList(within(reader));
    }
  }
  return value;
}

function readList(reader: Reader): unknown[] {
  const list: unknown[] = [];
  while (reader.next()) if (reader.field === 1) list.push(readValue(within(reader)));
  return list;
}

const decoder = new TextDecoder();

function textOf({ bytes, start, end }: Reader): string {
  return decoder.decode(bytes.subarray(start, end));
}

function within({ bytes, start, end }: Reader): Reader {
  return new Reader(bytes, start, end);
}

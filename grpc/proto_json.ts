/** proto3 JSON as people write and read it: https://protobuf.dev/programming-guides/json/ */
import type protobuf from "protobufjs";

/** A plain JSON-like object; bytes may also be a `Uint8Array`. */
export type JsonObject = { [field: string]: unknown };

const STRUCT = ".google.protobuf.Struct";
const VALUE = ".google.protobuf.Value";
const WRAPPER = /^\.google\.protobuf\.(Bool|String|Bytes|U?Int32|U?Int64|Float|Double)Value$/;
const TIMESTAMP = ".google.protobuf.Timestamp";

/** How a message type is written in JSON: as its fields, unless it is one of the well-known ones. */
type Kind = "message" | "struct" | "value" | "wrapper" | "timestamp";

const kinds = new WeakMap<protobuf.Type, Kind>();

/** Kept by type, since `fullName` is put together anew each time that it is read. */
function kindOf(type: protobuf.Type): Kind {
  const known = kinds.get(type);
  if (known !== undefined) return known;
  const { fullName } = type;
  const kind = fullName === STRUCT
    ? "struct"
    : fullName === VALUE
    ? "value"
    : fullName === TIMESTAMP
    ? "timestamp"
    : WRAPPER.test(fullName)
    ? "wrapper"
    : "message";
  kinds.set(type, kind);
  return kind;
}

/**
 * Checks a plain value against its message type and turns it into what protobufjs takes.
 * @returns An object for `type.fromObject`. Throws `TypeError` naming the path of what does not fit.
 */
export function fromJson(type: protobuf.Type, value: unknown, path = type.name): JsonObject {
  const kind = kindOf(type);
  if (kind === "struct") return structFrom(value, path);
  if (kind === "value") return valueFrom(value);
  if (kind === "wrapper") {
    return isObject(value) ? value : { value };
  }
  if (kind === "timestamp" && typeof value === "string") return timestampFrom(value, path);
  if (!isObject(value)) throw new TypeError(`Cannot encode "${path}": expected an object`);
  const out: JsonObject = {};
  const seen = new Map<string, string>();
  for (const [key, item] of Object.entries(value)) {
    // Own names alone: `constructor` is no field of any message.
    const name = [key, snakeCase(key)].find((one) => Object.hasOwn(type.fields, one));
    const field = name === undefined ? undefined : type.fields[name];
    if (field === undefined) {
      throw new TypeError(
        `Cannot encode "${path}.${key}": ${type.name} has no such field, it has ${
          Object.keys(type.fields).join(", ")
        }`,
      );
    }
    if (item === undefined || item === null) continue;
    if (field.partOf !== null && field.partOf !== undefined) {
      const other = seen.get(field.partOf.name);
      if (other !== undefined) {
        throw new TypeError(
          `Cannot encode "${path}.${key}": only one of "${other}" and "${key}" may be set`,
        );
      }
      seen.set(field.partOf.name, key);
    }
    out[field.name] = fieldFrom(field, item, `${path}.${key}`);
  }
  return out;
}

function fieldFrom(field: protobuf.Field, item: unknown, path: string): unknown {
  if (field.repeated) {
    if (!Array.isArray(item)) throw new TypeError(`Cannot encode "${path}": expected a list`);
    return item.map((one, i) => scalarFrom(field, one, `${path}[${i}]`));
  }
  if (field.map) {
    if (!isObject(item)) throw new TypeError(`Cannot encode "${path}": expected an object`);
    return Object.fromEntries(
      Object.entries(item).map(([k, v]) => [k, scalarFrom(field, v, `${path}.${k}`)]),
    );
  }
  return scalarFrom(field, item, path);
}

/** JSON forms of a scalar of each protobuf type. */
const SCALARS: Record<string, { expected: string; fits: (value: unknown) => boolean }> = {
  string: { expected: "a string", fits: (v) => typeof v === "string" },
  bool: { expected: "true or false", fits: (v) => typeof v === "boolean" },
  bytes: {
    expected: "base64",
    fits: (v) => v instanceof Uint8Array || (typeof v === "string" && isBase64(v)),
  },
};

function scalarFrom(field: protobuf.Field, item: unknown, path: string): unknown {
  const type = field.resolvedType;
  if (type !== null && "fields" in type) return fromJson(type, item, path);
  if (type !== null) {
    if (typeof item === "number" && Number.isInteger(item)) return item;
    if (typeof item === "string" && Object.hasOwn(type.values, item)) return item;
    throw new TypeError(
      `Cannot encode "${path}": expected a number or one of ${Object.keys(type.values).join(", ")}`,
    );
  }
  const rule = SCALARS[field.type] ?? {
    expected: "a whole number",
    fits: (v: unknown) =>
      Number.isInteger(v) || (typeof v === "string" && /^-?\d+$/.test(v)) ||
      (typeof v === "number" && /double|float/.test(field.type)),
  };
  if (!rule.fits(item)) throw new TypeError(`Cannot encode "${path}": expected ${rule.expected}`);
  return item;
}

/**
 * A decoded message as a plain object: enums as names, 64-bit numbers as numbers, bytes as
 * `Uint8Array`, Struct as JSON, wrappers as their value, timestamps as RFC 3339 text.
 */
export function toJson(type: protobuf.Type, message: protobuf.Message): JsonObject {
  return plain(
    type,
    type.toObject(message, { longs: Number, enums: String, arrays: false, objects: false }),
  ) as JsonObject;
}

function plain(type: protobuf.Type, object: JsonObject): unknown {
  const kind = kindOf(type);
  if (kind === "struct") return structTo(object);
  if (kind === "value") return valueTo(object);
  if (kind === "wrapper") return object["value"] ?? type.fields["value"]?.defaultValue;
  if (kind === "timestamp") return timestampTo(object);
  for (const [key, item] of Object.entries(object)) {
    const field = type.fields[key];
    const inner = field?.resolvedType;
    if (field?.type === "bytes" && item instanceof Uint8Array) {
      // protobufjs gives a Buffer where there is one; the same bytes, without its own ideas.
      object[key] = new Uint8Array(item.buffer, item.byteOffset, item.byteLength);
      continue;
    }
    if (field === undefined || inner === null || inner === undefined || !("fields" in inner)) {
      continue;
    }
    if (field.repeated) {
      object[key] = (item as JsonObject[]).map((one) => plain(inner, one));
    } else if (field.map) {
      object[key] = Object.fromEntries(
        Object.entries(item as Record<string, JsonObject>).map(([k, v]) => [k, plain(inner, v)]),
      );
    } else object[key] = plain(inner, item as JsonObject);
  }
  return object;
}

function structFrom(value: unknown, path: string): JsonObject {
  if (!isObject(value)) throw new TypeError(`Cannot encode "${path}": expected an object`);
  return {
    fields: Object.fromEntries(Object.entries(value).map(([k, v]) => [k, valueFrom(v)])),
  };
}

function valueFrom(value: unknown): JsonObject {
  if (value === null || value === undefined) return { nullValue: 0 };
  if (typeof value === "number") return { numberValue: value };
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(valueFrom) } };
  return { structValue: structFrom(value, "Struct") };
}

function structTo(object: JsonObject): JsonObject {
  const fields = (object["fields"] ?? {}) as Record<string, JsonObject>;
  return Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, valueTo(v)]));
}

function valueTo(value: JsonObject): unknown {
  if (value["structValue"] !== undefined) return structTo(value["structValue"] as JsonObject);
  if (value["listValue"] !== undefined) {
    const list = value["listValue"] as { values?: JsonObject[] };
    return (list.values ?? []).map(valueTo);
  }
  return value["stringValue"] ?? value["numberValue"] ?? value["boolValue"] ?? null;
}

function timestampFrom(text: string, path: string): JsonObject {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) {
    throw new TypeError(`Cannot encode "${path}": expected an RFC 3339 time, got "${text}"`);
  }
  return { seconds: Math.floor(ms / 1000), nanos: (((ms % 1000) + 1000) % 1000) * 1_000_000 };
}

function timestampTo(object: JsonObject): string {
  const seconds = Number(object["seconds"] ?? 0);
  const nanos = Number(object["nanos"] ?? 0);
  const text = new Date(seconds * 1000 + Math.floor(nanos / 1_000_000)).toISOString();
  // A Date ends at milliseconds; as proto3 JSON has it, 6 or 9 digits where there is more.
  const rest = nanos % 1_000_000;
  if (rest === 0) return text;
  const digits = rest % 1_000 === 0
    ? String(rest / 1_000).padStart(3, "0")
    : String(rest).padStart(6, "0");
  return text.replace("Z", `${digits}Z`);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Uint8Array);
}

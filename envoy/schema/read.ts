/** Reads nodes by the message types of Envoy into one canonical form, and says what Envoy would refuse. */
import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { UsageError } from "../../service/mod.ts";
import type { Json, JsonObject } from "../tree.ts";
import { closest } from "./closest.ts";
import { type Place, PLACEHOLDER, type Problem, type ProblemKind } from "./problem.ts";
import type { EnvoySchema } from "./schema.ts";
import { booleanOf, durationOf, durationText, numberOf, type Scalar } from "./scalars.ts";
import { entryOf, type SourceMap, type SourceNode, textOf } from "./source.ts";

const ANY = "google.protobuf.Any";
const FILTER_CONFIG = "typed_config";
const TYPED_STRUCTS = new Set(["xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct"]);
const WRAPPER = /^google\.protobuf\.(Bool|String|Bytes|Double|Float|U?Int(?:32|64))Value$/;
/** Longer texts are scripts or pages. */
const MAX_UNFILLED = 200;
/** Fields whose texts have a syntax of their own, in which such signs have a meaning. */
const CODE = new Set(["inline_code", "inline_string", "regex", "substitution", "text_format"]);
/** Aliases of aliases can make a small text endless. */
const MAX_NODES = 2_000_000;

const LIMITS: Readonly<Partial<Record<ScalarType, { whole: boolean; min: number; max: number }>>> =
  (() => {
    const whole = (min: number, max: number) => ({ whole: true, min, max });
    const any = { whole: false, min: -Infinity, max: Infinity };
    const int32 = whole(-(2 ** 31), 2 ** 31 - 1);
    const uint32 = whole(0, 2 ** 32 - 1);
    const int64 = whole(-(2 ** 63), 2 ** 63);
    const uint64 = whole(0, 2 ** 64);
    return {
      [ScalarType.INT32]: int32,
      [ScalarType.SINT32]: int32,
      [ScalarType.SFIXED32]: int32,
      [ScalarType.UINT32]: uint32,
      [ScalarType.FIXED32]: uint32,
      [ScalarType.INT64]: int64,
      [ScalarType.SINT64]: int64,
      [ScalarType.SFIXED64]: int64,
      [ScalarType.UINT64]: uint64,
      [ScalarType.FIXED64]: uint64,
      [ScalarType.DOUBLE]: any,
      [ScalarType.FLOAT]: any,
    };
  })();

/**
 * Reads messages into plain values in one form: fields in snake_case, enums by their names, durations as text in
 * seconds, wrappers as their values, a TypedStruct as the message that it stands for. What Envoy would refuse stays as it stands,
 * and becomes a problem: an Envoy of another version may know better.
 */
export class Reader {
  readonly problems: Problem[] = [];
  /** Texts that hold what a template left open, which Envoy takes as they are. */
  readonly unfilled: Place[] = [];
  readonly #schema: EnvoySchema;
  readonly #places = new WeakMap<object, Map<string, Place>>();
  #nodes = 0;

  constructor(schema: EnvoySchema) {
    this.#schema = schema;
  }

  /** Reads a message of a type that the schema holds. */
  read(node: SourceNode, typeName: string, place: Place): Json {
    const message = this.#schema.message(typeName);
    if (message === undefined) throw new TypeError(`There is no message type ${typeName}`);
    return this.#message(node, message, place) ?? {};
  }

  /** The places of a read value's keys, or of its items. */
  placesOf(value: Json | undefined): ReadonlyMap<string, Place> | undefined {
    return typeof value === "object" && value !== null ? this.#places.get(value) : undefined;
  }

  /** Records the places of the keys of a value that was put together. */
  setPlace(value: object, key: string, place: Place): void {
    const places = this.#places.get(value) ?? new Map();
    places.set(key, place);
    this.#places.set(value, places);
  }

  #count(): void {
    if (++this.#nodes <= MAX_NODES) return;
    throw new UsageError(`Cannot read the configuration: it has more than ${MAX_NODES} values`);
  }

  #refuse(kind: ProblemKind, place: Place, found: string): undefined {
    this.problems.push({ kind, place, found });
    return undefined;
  }

  #wrong(node: SourceNode, place: Place, wanted: string): undefined {
    const text = node.kind === "scalar" ? String(node.value) : "";
    const placeholder = PLACEHOLDER.exec(text)?.[0];
    if (placeholder !== undefined) {
      return this.#refuse(
        "template",
        place,
        `"${place.key}" holds the placeholder ${placeholder}, and not ${wanted}`,
      );
    }
    const seen = node.kind === "scalar"
      ? JSON.stringify(node.value)
      : node.kind === "map"
      ? "a mapping"
      : "a list";
    return this.#refuse("wrong-value", place, `"${place.key}" must be ${wanted}, and is ${seen}`);
  }

  #message(node: SourceNode, message: DescMessage, place: Place): Json | undefined {
    this.#count();
    const { typeName } = message;
    if (typeName === ANY) return this.#any(node, place);
    if (typeName === "google.protobuf.Duration") return this.#duration(node, place);
    if (typeName === "google.protobuf.Struct") {
      return node.kind === "map" ? this.#plain(node, place) : this.#wrong(node, place, "a mapping");
    }
    if (typeName === "google.protobuf.Value") return this.#plain(node, place);
    if (typeName === "google.protobuf.ListValue") return this.#plain(node, place);
    if (
      node.kind === "scalar" &&
      (typeName === "google.protobuf.Timestamp" || typeName === "google.protobuf.FieldMask")
    ) return typeof node.value === "string" ? node.value : this.#wrong(node, place, "a text");
    if (WRAPPER.test(typeName)) return this.#wrapper(node, message, place);
    if (node.kind !== "map") return this.#wrong(node, place, `a mapping (${shortName(typeName)})`);
    const value: JsonObject = {};
    this.#fields(node, message, { place, into: value });
    return value;
  }

  #fields(
    node: SourceMap,
    message: DescMessage,
    { place, into, skip }: { place: Place; into: JsonObject; skip?: string },
  ): void {
    const fields = this.#schema.fields(message);
    const chosen = new Map<string, string>();
    for (const { key, keyAt, value } of node.entries) {
      if (key === skip) continue;
      const at: Place = { parent: place, key, at: keyAt };
      const field = fields.get(key);
      if (field === undefined) {
        this.#unknownField(at, message, fields);
        into[key] = this.#plain(value, at);
        this.setPlace(into, key, at);
        continue;
      }
      // Absent, as far as protobuf is concerned.
      if (value.kind === "scalar" && value.value === null && !isNullable(field)) continue;
      const oneof = field.oneof?.name;
      const other = oneof === undefined ? undefined : chosen.get(oneof);
      if (other !== undefined && other !== field.name) {
        this.#refuse("conflict", at, `"${field.name}" and "${other}" cannot both be set`);
      }
      if (oneof !== undefined) chosen.set(oneof, field.name);
      into[field.name] = this.#field(value, field, at) ?? this.#plain(value, at);
      this.setPlace(into, field.name, at);
    }
    for (const { field, found } of this.#schema.limits.check(message, into)) {
      const at = field === undefined ? undefined : this.placesOf(into)?.get(field);
      this.#refuse("limit", at ?? place, `${shortName(message.typeName)}: ${found}`);
    }
  }

  #unknownField(place: Place, message: DescMessage, fields: ReadonlyMap<string, DescField>): void {
    const { key } = place;
    if (PLACEHOLDER.test(key)) {
      this.#refuse("template", place, `the placeholder ${key} stands where a field is wanted`);
      return;
    }
    const type = shortName(message.typeName);
    if (key === "config" && fields.has(FILTER_CONFIG) || isOldField(key, message)) {
      this.#refuse("old-api", place, `"${key}" of ${type} was a field of Envoy's v2 API`);
      return;
    }
    const near = closest(key, fields.keys());
    const hint = near === undefined ? "" : `: is "${near}" meant`;
    this.#refuse("unknown-field", place, `${type} has no field "${key}"${hint}`);
  }

  #field(node: SourceNode, field: DescField, place: Place): Json | undefined {
    if (field.fieldKind === "map") {
      if (node.kind !== "map") return this.#wrong(node, place, "a mapping");
      const value: JsonObject = {};
      for (const entry of node.entries) {
        const at: Place = { parent: place, key: entry.key, at: entry.keyAt };
        value[entry.key] = this.#value(entry.value, field, at) ?? this.#plain(entry.value, at);
        this.setPlace(value, entry.key, at);
      }
      return value;
    }
    if (field.fieldKind !== "list") return this.#value(node, field, place);
    const list: Json[] = [];
    const add = (item: SourceNode, at: Place): void => {
      // Envoy's parser takes a single value for a list of one, and a list in a list for its items.
      if (item.kind === "list") {
        item.items.forEach((inner, index) =>
          add(inner, { parent: at, key: String(index), at: inner.at })
        );
        return;
      }
      const isNull = item.kind === "scalar" && item.value === null;
      if (isNull && field.message === undefined) return;
      const given: SourceNode = isNull ? { kind: "map", at: item.at, entries: [] } : item;
      const read = this.#value(given, field, at) ?? this.#plain(item, at);
      this.setPlace(list, String(list.length), at);
      list.push(read);
    };
    add(node, place);
    return list;
  }

  #value(node: SourceNode, field: DescField, place: Place): Json | undefined {
    if (field.message !== undefined) return this.#message(node, field.message, place);
    if (field.enum !== undefined) return this.#enum(node, field.enum, place);
    return field.scalar === undefined ? undefined : this.#scalar(node, field.scalar, place);
  }

  #enum(node: SourceNode, { typeName, values }: DescEnum, place: Place): Json | undefined {
    if (typeName === "google.protobuf.NullValue") return null;
    const value = node.kind === "scalar" ? node.value : undefined;
    const text = typeof value === "string" ? value.toUpperCase() : undefined;
    const found = values.find(({ name, number }) =>
      name.toUpperCase() === text || String(number) === String(value)
    );
    if (found !== undefined) return found.name;
    // Enums are open: a number that has no name is one, unless the field's limits say otherwise.
    if (typeof value === "number") return value;
    const names = values.map(({ name }) => name);
    const shown = names.length > 8 ? [...names.slice(0, 8), "…"] : names;
    return this.#wrong(node, place, `one of ${shown.join(", ")}`);
  }

  #scalar(node: SourceNode, type: ScalarType, place: Place): Json | undefined {
    if (node.kind !== "scalar" || node.isUnfilled) return this.#wrong(node, place, nameOf(type));
    const { value } = node;
    if (type === ScalarType.STRING || type === ScalarType.BYTES) {
      if (typeof value !== "string") return this.#wrong(node, place, "a text (in quotes)");
      if (value.length < MAX_UNFILLED && PLACEHOLDER.test(value) && !CODE.has(place.key)) {
        this.unfilled.push(place);
      }
      // Both alphabets of base64, with or without their padding.
      const isBytes = type === ScalarType.STRING || /^[A-Za-z0-9+/_-]*={0,2}$/.test(value);
      return isBytes ? value : this.#wrong(node, place, "base64");
    }
    if (type === ScalarType.BOOL) return booleanOf(value) ?? this.#wrong(node, place, "a boolean");
    const limits = LIMITS[type];
    return (limits && numberOf(value, limits)) ?? this.#wrong(node, place, nameOf(type));
  }

  #duration(node: SourceNode, place: Place): Json | undefined {
    if (node.kind === "map") {
      const part = (key: string): number => {
        const entry = entryOf(node, key);
        const value: Scalar = entry?.kind === "scalar" ? entry.value : 0;
        return numberOf(value ?? 0, { whole: true, min: -Infinity, max: Infinity }) ?? NaN;
      };
      const seconds = part("seconds");
      const nanos = part("nanos");
      const known = node.entries.every(({ key }) => key === "seconds" || key === "nanos");
      if (known && seconds >= 0 && nanos >= 0 && nanos < 1e9) {
        return durationText(seconds, nanos / 1e9);
      }
      return this.#wrong(node, place, "a duration (seconds and nanos)");
    }
    const text = node.kind === "scalar" ? durationOf(node.value) : undefined;
    if (text?.startsWith("-")) return this.#wrong(node, place, "a duration of zero or more");
    return text ?? this.#wrong(node, place, "a duration such as 1.5s");
  }

  #wrapper(node: SourceNode, message: DescMessage, place: Place): Json | undefined {
    const field = message.fields.find(({ name }) => name === "value");
    if (field?.scalar === undefined) return undefined;
    if (node.kind !== "map") return this.#scalar(node, field.scalar, place);
    for (const { key, keyAt } of node.entries) {
      if (key === "value") continue;
      this.#unknownField({ parent: place, key, at: keyAt }, message, this.#schema.fields(message));
    }
    const inner = entryOf(node, "value");
    if (inner !== undefined) return this.#scalar(inner, field.scalar, place);
    return field.scalar === ScalarType.BOOL ? false : field.scalar === ScalarType.STRING ? "" : 0;
  }

  #any(node: SourceNode, place: Place): Json | undefined {
    if (node.kind !== "map") return this.#wrong(node, place, 'a mapping with "@type"');
    const url = textOf(entryOf(node, "@type"));
    if (url === undefined) {
      if (node.entries.length === 0) return {};
      return this.#refuse("wrong-value", place, `"${place.key}" names no "@type"`);
    }
    return this.#typed(node, { url, place, skip: "@type" });
  }

  /** A message whose type is named beside it. */
  #typed(
    node: SourceMap,
    { url, place, skip }: { url: string; place: Place; skip?: string },
  ): Json | undefined {
    const typeName = url.slice(url.lastIndexOf("/") + 1);
    const typeEntry = node.entries.find(({ key }) => key === "@type");
    const typePlace = typeEntry ? { parent: place, key: "@type", at: typeEntry.keyAt } : place;
    // Before the slash stands a host, which nobody asks.
    const message = url.lastIndexOf("/") > 0 ? this.#schema.message(typeName) : undefined;
    if (message === undefined) {
      if (PLACEHOLDER.test(url)) {
        this.#refuse("template", typePlace, `the type is the placeholder ${url}`);
      } else if (/\.v2(alpha\d*|beta\d*)?\.|^envoy\.api\.v2/.test(typeName)) {
        this.#refuse("old-api", typePlace, `${typeName} is a type of Envoy's v2 API`);
      } else {
        const words = url.lastIndexOf("/") > 0
          ? "is not among the types of"
          : "names no type, which needs a slash, of";
        this.#refuse("unknown-type", typePlace, `${url} ${words} ${this.#schema.name}`);
      }
      const plain = this.#plain(node, place);
      return plain;
    }
    const value: JsonObject = { "@type": `type.googleapis.com/${typeName}` };
    if (typeEntry) this.setPlace(value, "@type", typePlace);
    if (TYPED_STRUCTS.has(typeName)) {
      const inner = textOf(entryOf(node, "type_url") ?? entryOf(node, "typeUrl"));
      const entry = node.entries.findLast(({ key }) => key === "value");
      if (inner === undefined) {
        return this.#refuse("wrong-value", place, `"${place.key}" names no "type_url"`);
      }
      const body: SourceNode = entry?.value ?? { kind: "map", at: node.at, entries: [] };
      if (body.kind !== "map") return this.#wrong(body, place, "a mapping");
      return this.#typed(body, {
        url: inner,
        place: entry ? { parent: place, key: "value", at: entry.keyAt } : place,
      });
    }
    if (typeName.startsWith("google.protobuf.") && typeName !== "google.protobuf.Empty") {
      const inner = node.entries.findLast(({ key }) => key === "value");
      if (inner !== undefined) {
        const at: Place = { parent: place, key: "value", at: inner.keyAt };
        value.value = this.#message(inner.value, message, at) ?? null;
        this.setPlace(value, "value", at);
      }
      return value;
    }
    this.#fields(node, message, { place, into: value, ...(skip === undefined ? {} : { skip }) });
    return value;
  }

  /** Values without a type, as they stand. */
  #plain(node: SourceNode, place: Place): Json {
    this.#count();
    if (node.kind === "scalar") return node.value;
    const value: Json[] | JsonObject = node.kind === "list" ? [] : {};
    const entries = node.kind === "list"
      ? node.items.map((item, index) => ({ key: String(index), keyAt: item.at, value: item }))
      : node.entries;
    for (const { key, keyAt, value: inner } of entries) {
      const at: Place = { parent: place, key, at: keyAt };
      const read = this.#plain(inner, at);
      if (Array.isArray(value)) value.push(read);
      else value[key] = read;
      this.setPlace(value, key, at);
    }
    return value;
  }
}

/** `google.protobuf.Value` and its kin know null as a value. */
function isNullable({ message, fieldKind }: DescField): boolean {
  return fieldKind === "message" && message?.typeName === "google.protobuf.Value";
}

function shortName(typeName: string): string {
  return typeName.slice(typeName.lastIndexOf(".") + 1);
}

function nameOf(type: ScalarType): string {
  const limits = LIMITS[type];
  if (limits === undefined) return type === ScalarType.BOOL ? "a boolean" : "a text";
  if (!limits.whole) return "a number";
  return limits.min === 0 ? "a whole number, not negative" : "a whole number";
}

/** Fields of the v2 API that files still have; their names are gone from v3. */
const OLD_FIELDS: Readonly<Record<string, readonly string[]>> = {
  Cluster: ["hosts", "tls_context", "extension_protocol_options"],
  FilterChain: ["tls_context"],
  RouteMatch: ["regex"],
  HeaderMatcher: ["regex_match"],
  VirtualHost: ["per_filter_config"],
  Route: ["per_filter_config"],
  Bootstrap: ["runtime", "watchdog_v2"],
};

function isOldField(key: string, { typeName }: DescMessage): boolean {
  return OLD_FIELDS[shortName(typeName)]?.includes(key) ?? false;
}

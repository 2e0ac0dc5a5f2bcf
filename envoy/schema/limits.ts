/** Checks of values beside their types, as Envoy makes them: the option `validate.rules` of its fields (protoc-gen-validate). */
import {
  type DescEnum,
  type DescField,
  type DescMessage,
  fromBinary,
  type UnknownField,
} from "@bufbuild/protobuf";
import { compilePattern } from "../../patterns/mod.ts";
import type { Json, JsonObject } from "../tree.ts";
import { CHECKS } from "./checks.ts";
import type { BrokenLimit } from "./problem.ts";
import { VALIDATE_RULES } from "./descriptors.ts";

/** One field's rules, as far as they are checked here. Names are those of validate.proto. */
interface FieldRules {
  readonly message?: { readonly required?: boolean };
  readonly type?: { readonly case?: string; readonly value?: Limits };
}

/** Rules of one type; which of them are there depends on it. */
interface Limits {
  readonly required?: boolean;
  readonly ignoreEmpty?: boolean;
  readonly minLen?: bigint;
  readonly maxLen?: bigint;
  readonly minBytes?: bigint;
  readonly maxBytes?: bigint;
  readonly minItems?: bigint;
  readonly maxItems?: bigint;
  readonly minPairs?: bigint;
  readonly pattern?: string;
  readonly prefix?: string;
  readonly in?: readonly Json[];
  readonly notIn?: readonly Json[];
  readonly definedOnly?: boolean;
  readonly gt?: number | bigint | Span;
  readonly gte?: number | bigint | Span;
  readonly lt?: number | bigint | Span;
  readonly lte?: number | bigint | Span;
  readonly items?: FieldRules;
}

/** google.protobuf.Duration. */
interface Span {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** Checks of one message type. */
interface MessageLimits {
  readonly fields: readonly (readonly [DescField, FieldRules])[];
  /** Groups of alternatives of which one must be set. */
  readonly oneofs: readonly { readonly name: string; readonly fields: readonly string[] }[];
}

/** Checks messages of one schema; `rules` is its message type `validate.FieldRules`. */
export class LimitChecker {
  readonly #rules: DescMessage | undefined;
  readonly #known = new WeakMap<DescMessage, MessageLimits>();

  constructor(rules: DescMessage | undefined) {
    this.#rules = rules;
  }

  /** Returns what Envoy would refuse of a message in canonical form. */
  check(message: DescMessage, value: JsonObject): BrokenLimit[] {
    const { fields, oneofs } = this.#limitsOf(message);
    const broken: BrokenLimit[] = [];
    for (const [field, rules] of fields) {
      const given = value[field.name];
      const found = brokenRule(field, rules, given);
      if (found === undefined) continue;
      broken.push({ field: given === undefined ? undefined : field.name, found });
    }
    for (const { name, fields: alternatives } of oneofs) {
      if (alternatives.some((field) => value[field] !== undefined)) continue;
      broken.push({
        field: undefined,
        found: `one of ${alternatives.join(", ")} is needed (${name})`,
      });
    }
    return [...broken, ...CHECKS[message.typeName]?.(value) ?? []];
  }

  #limitsOf(message: DescMessage): MessageLimits {
    let limits = this.#known.get(message);
    if (limits === undefined) {
      limits = {
        fields: message.fields.flatMap((field) => {
          const rules = this.#decoded(field.proto.options?.$unknown);
          return rules === undefined ? [] : [[field, rules] as const];
        }),
        oneofs: message.oneofs.filter(({ proto }) => payload(proto.options?.$unknown)?.[0] === 1)
          .map(({ name, fields }) => ({ name, fields: fields.map((field) => field.name) })),
      };
      this.#known.set(message, limits);
    }
    return limits;
  }

  #decoded(options: UnknownField[] | undefined): FieldRules | undefined {
    const bytes = payload(options);
    if (bytes === undefined || this.#rules === undefined) return undefined;
    // The length comes first, in one byte or two.
    const start = (bytes[0] ?? 0) < 0x80 ? 1 : 2;
    return setAlone(fromBinary(this.#rules, bytes.subarray(start))) as FieldRules;
  }
}

/** A message's set fields alone: those that are not set stand in its prototype with their defaults (proto2). */
function setAlone(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, setAlone(inner)]));
}

function payload(options: UnknownField[] | undefined): Uint8Array | undefined {
  return options?.find(({ no }) => no === VALIDATE_RULES)?.data;
}

const WRAPPER = /^google\.protobuf\.\w+Value$/;

/** In words, without a full stop; `undefined` when all is well. */
function brokenRule(
  field: DescField,
  rules: FieldRules,
  given: Json | undefined,
): string | undefined {
  const { name } = field;
  const limits = rules.type?.value ?? {};
  if (given === undefined) {
    // Alternatives are looked at when they are set.
    if (field.oneof !== undefined) return undefined;
    if (rules.message?.required || limits.required) return `"${name}" is needed`;
    // So are wrappers; a plain field is zero or empty without a value.
    if (field.fieldKind === "message" || limits.ignoreEmpty) return undefined;
    const empty = field.fieldKind === "list" ? [] : field.fieldKind === "map" ? {} : emptyOf(field);
    return empty !== undefined && brokenLimit(empty, limits) !== undefined
      ? `"${name}" is needed`
      : undefined;
  }
  if (field.enum !== undefined) {
    const wrong = brokenEnum(field.enum, limits, given);
    return wrong === undefined ? undefined : `"${name}" must ${wrong}`;
  }
  if (field.fieldKind === "message" && !isMeasured(field)) return undefined;
  const isEmpty = given === "" || given === 0 || Array.isArray(given) && given.length === 0;
  if (limits.ignoreEmpty && isEmpty) return undefined;
  const broken = brokenLimit(given, limits);
  if (broken !== undefined) return `"${name}" must ${broken}`;
  const items = limits.items?.type?.value;
  if (items === undefined || !Array.isArray(given)) return undefined;
  const wrong = given.map((item) => brokenLimit(item, items)).find((one) => one !== undefined);
  return wrong === undefined ? undefined : `each of "${name}" must ${wrong}`;
}

function brokenEnum({ values }: DescEnum, limits: Limits, given: Json): string | undefined {
  if (typeof given === "number") {
    return limits.definedOnly
      ? `be one of ${values.map(({ name }) => name).join(", ")}`
      : undefined;
  }
  const number = values.find(({ name }) => name === given)?.number;
  return number !== undefined && limits.notIn?.includes(number) ? `not be ${given}` : undefined;
}

/** Durations and wrappers are values of their own in canonical form. */
function isMeasured({ message }: DescField): boolean {
  const name = message?.typeName ?? "";
  return name === "google.protobuf.Duration" || WRAPPER.test(name);
}

function emptyOf({ fieldKind, scalar }: DescField): Json | undefined {
  if (fieldKind !== "scalar") return undefined;
  // ScalarType.STRING is 9, BYTES 12 and BOOL 8 (FieldDescriptorProto.Type).
  return scalar === 9 || scalar === 12 ? "" : scalar === 8 ? undefined : 0;
}

function brokenLimit(value: Json, limits: Limits): string | undefined {
  if (typeof value === "string" && !isBounded(limits)) {
    const length = [...value].length;
    const bytes = new TextEncoder().encode(value).length;
    if (length < Number(limits.minLen ?? 0) || bytes < Number(limits.minBytes ?? 0)) {
      return value === "" ? "not be empty" : `have ${limits.minLen ?? limits.minBytes} characters`;
    }
    if (limits.in !== undefined && limits.in.length > 0 && !limits.in.includes(value)) {
      return `be one of ${limits.in.join(", ")}`;
    }
    if (limits.prefix !== undefined && !value.startsWith(limits.prefix)) {
      return `begin with ${limits.prefix}`;
    }
    if (limits.pattern !== undefined && !compilePattern(limits.pattern).test(value)) {
      return `match ${limits.pattern}`;
    }
    const longest = Number(limits.maxLen ?? limits.maxBytes ?? Infinity);
    return (limits.maxLen === undefined ? bytes : length) > longest
      ? `have at most ${longest} characters`
      : undefined;
  }
  if (Array.isArray(value)) {
    if (value.length < Number(limits.minItems ?? 0)) {
      return `have at least ${limits.minItems} items`;
    }
    const most = Number(limits.maxItems ?? Infinity);
    return value.length > most ? `have at most ${most} items` : undefined;
  }
  if (typeof value === "object") {
    const pairs = Object.keys(value ?? {}).length;
    return pairs < Number(limits.minPairs ?? 0) ? "not be empty" : undefined;
  }
  const number = typeof value === "string" ? secondsOf(value) : value;
  return typeof number === "number" ? outOfBounds(number, limits) : undefined;
}

function isBounded({ gt, gte, lt, lte }: Limits): boolean {
  return [gt, gte, lt, lte].some((bound) => bound !== undefined);
}

/** Where the lower bound is above the upper one, what lies between them is refused (validate.proto). */
function outOfBounds(value: number, limits: Limits): string | undefined {
  const [gt, gte, lt, lte] = [limits.gt, limits.gte, limits.lt, limits.lte].map(boundOf);
  if (gt !== undefined && !(value > gt)) return `be greater than ${gt}`;
  if (gte !== undefined && !(value >= gte)) return `be at least ${gte}`;
  if (lt !== undefined && !(value < lt)) return `be less than ${lt}`;
  if (lte !== undefined && !(value <= lte)) return `be at most ${lte}`;
  return undefined;
}

function boundOf(bound: number | bigint | Span | undefined): number | undefined {
  if (bound === undefined || typeof bound === "number") return bound;
  return typeof bound === "bigint" ? Number(bound) : Number(bound.seconds) + bound.nanos / 1e9;
}

function secondsOf(text: string): number | undefined {
  return /^-?[\d.]+s$/.test(text) ? Number(text.slice(0, -1)) : undefined;
}

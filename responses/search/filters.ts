/** Filters on the attributes of files. */
import { invalidFilter } from "./errors.ts";
import type { Attributes } from "../api/objects.ts";

/** Compares one attribute of a file with a value, or with a list of them. */
export interface Comparison {
  readonly type: "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "in" | "nin";
  readonly key: string;
  readonly value: AttributeValue | readonly AttributeValue[];
}

/** Filters that must all hold, or of which one must. */
export interface Compound {
  readonly type: "and" | "or";
  readonly filters: readonly Filter[];
}

/** An attribute filter (API reference, "ComparisonFilter" and "CompoundFilter"). */
export type Filter = Comparison | Compound;

type AttributeValue = Attributes[string];

/** How deep filters may be nested, and how many there may be: more is a mistake or an attack. */
const DEPTH_LIMIT = 32;
const COUNT_LIMIT = 1_000;

type Compare = (attribute: AttributeValue, value: AttributeValue) => boolean;

/** Numbers compare with numbers and strings with strings; what has two types has no order. */
const ordered = (holds: (difference: number) => boolean): Compare => (attribute, value) => {
  if (typeof attribute === "number" && typeof value === "number") return holds(attribute - value);
  if (typeof attribute !== "string" || typeof value !== "string") return false;
  return holds(attribute < value ? -1 : attribute > value ? 1 : 0);
};

const COMPARE: Readonly<Record<string, Compare>> = {
  eq: (attribute, value) => attribute === value,
  ne: (attribute, value) => attribute !== value,
  gt: ordered((difference) => difference > 0),
  gte: ordered((difference) => difference >= 0),
  lt: ordered((difference) => difference < 0),
  lte: ordered((difference) => difference <= 0),
};
const MEMBER: Readonly<Record<string, (found: boolean) => boolean>> = {
  in: (found) => found,
  nin: (found) => !found,
};
const COMPOUND = ["and", "or"];
const TYPES = [...Object.keys(COMPARE), ...Object.keys(MEMBER), ...COMPOUND];

/**
 * Reads a filter.
 *
 * @throws {ApiError} 400 `invalid_filter`, whose message names the place in the filter
 */
export function readFilter(value: unknown): Filter {
  let count = 0;
  const read = (value: unknown, place: string, depth: number): Filter => {
    if (++count > COUNT_LIMIT) {
      throw invalidFilter(place, `expected at most ${COUNT_LIMIT} filters`);
    }
    if (depth > DEPTH_LIMIT) {
      throw invalidFilter(place, `expected at most ${DEPTH_LIMIT} levels of filters`);
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw invalidFilter(place, "expected an object with 'type'");
    }
    const { type, key, value: operand, filters } = value as Record<string, unknown>;
    if (typeof type !== "string" || !TYPES.includes(type)) {
      throw invalidFilter(`${place}.type`, `expected one of ${TYPES.join(", ")}`);
    }
    if (COMPOUND.includes(type)) {
      if (!Array.isArray(filters)) {
        throw invalidFilter(`${place}.filters`, "expected an array of filters");
      }
      const parts = filters.map((part, at) => read(part, `${place}.filters[${at}]`, depth + 1));
      return { type: type as Compound["type"], filters: parts };
    }
    if (typeof key !== "string" || key === "") {
      throw invalidFilter(`${place}.key`, "expected the name of an attribute");
    }
    const wanted = Object.hasOwn(MEMBER, type)
      ? "an array of strings, numbers or booleans"
      : SCALAR;
    const fits = Object.hasOwn(MEMBER, type)
      ? Array.isArray(operand) && operand.every(isScalar)
      : isScalar(operand);
    if (!fits) throw invalidFilter(`${place}.value`, `expected ${wanted}`);
    return { type, key, value: operand } as Comparison;
  };
  return read(value, "filters", 1);
}

const SCALAR = "a string, number or boolean";

function isScalar(value: unknown): value is AttributeValue {
  return ["string", "number", "boolean"].includes(typeof value);
}

/** Whether a file's attributes pass. A file without the key never does, not even `ne` and `nin`. */
export function matches(filter: Filter, attributes: Attributes): boolean {
  if ("filters" in filter) {
    return filter.type === "and"
      ? filter.filters.every((part) => matches(part, attributes))
      : filter.filters.some((part) => matches(part, attributes));
  }
  if (!Object.hasOwn(attributes, filter.key)) return false;
  const attribute = attributes[filter.key] as AttributeValue;
  const { type, value } = filter;
  const member = MEMBER[type];
  if (member !== undefined) return member((value as readonly AttributeValue[]).includes(attribute));
  return COMPARE[type]?.(attribute, value as AttributeValue) ?? false;
}

/** Scalars as Envoy reads them: yaml-cpp's rules for plain words, then protobuf's JSON mapping. Each was measured. */

/** A scalar after Envoy's YAML reading: it hands JSON to protobuf, in which only these are left. */
export type Scalar = string | number | boolean | null;

/** Booleans of YAML 1.1 (yaml-cpp, `convert<bool>`): lower case, upper case, or with one capital. */
const YAML_TRUE = new Set(["y", "yes", "true", "on"]);
const YAML_FALSE = new Set(["n", "no", "false", "off"]);
const YAML_NULL = new Set(["", "~", "null", "Null", "NULL"]);
/** Texts that protobuf's parser takes for a boolean in any case (absl::SimpleAtob). */
const TEXT_TRUE = new Set(["true", "t", "yes", "y", "1"]);
const TEXT_FALSE = new Set(["false", "f", "no", "n", "0"]);

/**
 * Reads a plain YAML scalar, one without quotes: null, boolean, whole number (`0x10` and `010` too) or else text. A
 * number with a point stays text, which protobuf reads where it wants a number.
 */
export function plainScalar(text: string): Scalar {
  if (YAML_NULL.has(text)) return null;
  const lower = text.toLowerCase();
  if (
    text === lower || text === text.toUpperCase() ||
    text === lower[0]?.toUpperCase() + lower.slice(1)
  ) {
    if (YAML_TRUE.has(lower)) return true;
    if (YAML_FALSE.has(lower)) return false;
  }
  if (!/^[+-]?(0[xX][0-9a-fA-F]+|\d+)$/.test(text)) return text;
  const sign = text.startsWith("-") ? -1 : 1;
  const digits = text.replace(/^[+-]/, "");
  if (/^0\d+$/.test(digits) && !/^[0-7]+$/.test(digits)) return text;
  const value = /^0\d/.test(digits) ? parseInt(digits, 8) : Number(digits);
  return Number.isSafeInteger(value) ? sign * value : text;
}

/** Reads a boolean field's value; `undefined` when protobuf would refuse it. */
export function booleanOf(value: Scalar): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value !== "string") return undefined;
  const lower = value.toLowerCase();
  return TEXT_TRUE.has(lower) ? true : TEXT_FALSE.has(lower) ? false : undefined;
}

/** Reads a number field's value; `undefined` when it is none, or not within the limits. */
export function numberOf(
  value: Scalar,
  limits: { readonly whole: boolean; readonly min: number; readonly max: number },
): number | undefined {
  const isText = typeof value === "string" && value.trim() === value && value !== "";
  const number = typeof value === "number" ? value : isText ? textNumber(value) : undefined;
  if (number === undefined || Number.isNaN(number) && limits.whole) return undefined;
  if (limits.whole && !Number.isInteger(number)) return undefined;
  return number < limits.min || number > limits.max ? undefined : number;
}

function textNumber(text: string): number | undefined {
  const special: Record<string, number> = { NaN, Infinity, "-Infinity": -Infinity };
  if (Object.hasOwn(special, text)) return special[text];
  return /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

/** A duration in protobuf's JSON form (`1.5s`), as text in seconds; `undefined` for anything else. */
export function durationOf(value: Scalar): string | undefined {
  if (typeof value !== "string") return undefined;
  const found = /^(-?\d{1,12})(?:\.(\d{1,9}))?s$/.exec(value);
  return found === null ? undefined : durationText(Number(found[1]), Number(`0.${found[2] ?? 0}`));
}

/** Seconds and a fraction of one in protobuf's JSON form. */
export function durationText(seconds: number, fraction: number): string {
  return `${Number((seconds + (seconds < 0 ? -fraction : fraction)).toFixed(9))}s`;
}

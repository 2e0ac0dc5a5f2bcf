/** Runtime values of a bootstrap: those that its static layers say, in the order in which Envoy lays them over each other. */
import { placedAt } from "./placed.ts";
import { isObject, type Json } from "./tree.ts";

/** Values by key; what disks, admins and control planes say is not known. */
export type RuntimeValues = ReadonlyMap<string, Json>;

/** Where a bootstrap and a dump of it keep the layers. */
const LAYERS = [
  "layered_runtime/layers/*/static_layer",
  "configs/*/bootstrap/layered_runtime/layers/*/static_layer",
];

/** Reads the static layers; a later one has the last word, and `a: { b: 1 }` is `a.b`. */
export function runtimeOf(root: Json): RuntimeValues {
  const values = new Map<string, Json>();
  for (const pattern of LAYERS) {
    for (const { value } of placedAt({ path: "", value: root }, pattern)) {
      for (const [key, inner] of Object.entries(value)) add(values, key, inner);
    }
  }
  return values;
}

function add(values: Map<string, Json>, key: string, value: Json): void {
  // A fraction is a value (RuntimeFractionalPercent), and no branch.
  if (!isObject(value) || value.numerator !== undefined || value.denominator !== undefined) {
    values.set(key, value);
    return;
  }
  for (const [step, inner] of Object.entries(value)) add(values, `${key}.${step}`, inner);
}

/** A fraction's whole, by the denominator's name or number (FractionalPercent). */
const WHOLE: Readonly<Record<string, number>> = {
  TEN_THOUSAND: 10_000,
  MILLION: 1_000_000,
  "1": 10_000,
  "2": 1_000_000,
};

/**
 * The share, 0 to 1, of a `RuntimeFractionalPercent`: its runtime key's value where a static layer has one, a plain
 * number of hundredths or a fraction, and its default value otherwise.
 */
export function shareOf(percent: Json | undefined, runtime: RuntimeValues): number | undefined {
  if (!isObject(percent)) return undefined;
  const key = String(percent.runtime_key ?? "");
  const said = wholeOf(key, runtime);
  if (said !== undefined) return Math.min(said / 100, 1);
  const own = runtime.get(key);
  const fraction = isObject(own) ? own : percent.default_value;
  if (!isObject(fraction)) return undefined;
  return Number(fraction.numerator ?? 0) / (WHOLE[String(fraction.denominator)] ?? 100);
}

/** The value of a `RuntimeFeatureFlag`. */
export function flagOf(flag: Json | undefined, runtime: RuntimeValues): boolean | undefined {
  if (!isObject(flag)) return undefined;
  const said = runtime.get(String(flag.runtime_key ?? ""));
  if (typeof said === "boolean") return said;
  return typeof said === "number" ? said !== 0 : flag.default_value === true;
}

/** A key's value as a number, quoted or not; booleans are none to Envoy. */
export function wholeOf(key: string, runtime: RuntimeValues): number | undefined {
  const said = runtime.get(key);
  const isNumber = typeof said === "number" || typeof said === "string" && said.trim() !== "";
  return isNumber && Number.isFinite(Number(said)) ? Number(said) : undefined;
}

/** Prometheus' text format, read back. */

/** One line: a name, its labels, its value. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES: Readonly<Record<string, string>> = { "\\n": "\n", '\\"': '"', "\\\\": "\\" };

/** Reads the samples of a text in exposition format 0.0.4; comments are left out. */
export function parseSamples(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value = ""] = LINE.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(LABEL)].map(([, key = "", raw = ""]) =>
      [key, raw.replace(/\\[n"\\]/g, (escape) => ESCAPES[escape] ?? escape)] as const
    );
    return [{ name, labels: Object.fromEntries(pairs), value: numberOf(value) }];
  });
}

function numberOf(text: string): number {
  return text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text);
}

/** A cumulative histogram: how many observations are at most `le`, by rising `le`. */
export type Buckets = readonly (readonly [le: number, count: number])[];

/**
 * Returns the value below which the share `q` of the observations lies, evenly spread within a
 * bucket, as Prometheus' `histogram_quantile` has it; undefined without observations.
 */
export function quantileOf(buckets: Buckets, q: number): number | undefined {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  const rank = q * total;
  let [lower, before] = [0, 0];
  for (const [le, count] of buckets) {
    if (count >= rank && count > before) {
      // Beyond the last bound nothing is known but that bound.
      if (le === Infinity) return lower;
      return lower + (le - lower) * ((rank - before) / (count - before));
    }
    [lower, before] = [le, count];
  }
  return lower;
}

/** One figure, beside the same figure of its peer, measured in turn within one session. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly beside?: { readonly name: string; readonly value: number } | undefined;
  /** value / beside.value */
  readonly ratio?: number | undefined;
  /** Runs of each side; the values are their medians. */
  readonly runs: number;
  /** Every run, so that the spread can be seen. */
  readonly samples: readonly number[];
}

/** A side of a comparison: measures once, and returns the figure. */
export type Measure = () => Promise<number>;

/** Returns the median of at least one number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) throw new RangeError("Cannot take the median: there are no values");
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** Returns the value below which the share `q` (0 to 1) of the values lies: nearest rank. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))];
  if (value === undefined) throw new RangeError("Cannot take a quantile: there are no values");
  return value;
}

/**
 * Measures one figure `runs` times, in turn with its peer (A B A B …), so that a drift of the
 * machine's speed meets both sides alike.
 */
export async function compare(
  row: { name: string; unit: string; runs: number },
  measure: Measure,
  peer?: { name: string; measure: Measure },
): Promise<Row> {
  const own: number[] = [];
  const theirs: number[] = [];
  for (let run = 0; run < row.runs; run++) {
    own.push(await measure());
    if (peer) theirs.push(await peer.measure());
  }
  const value = median(own);
  const beside = peer && { name: peer.name, value: median(theirs) };
  return { ...row, value, beside, ratio: beside && value / beside.value, samples: own };
}

/** Returns the rows as a table with aligned columns. */
export function renderRows(rows: readonly Row[]): string {
  const head = ["figure", "value", "unit", "beside", "value", "ratio", "runs"];
  const cells = rows.map((row) => [
    row.name,
    format(row.value),
    row.unit,
    row.beside?.name ?? "",
    row.beside ? format(row.beside.value) : "",
    row.ratio === undefined ? "" : row.ratio.toFixed(2),
    String(row.runs),
  ]);
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0))
  );
  const numeric = new Set([1, 4, 5, 6]);
  const line = (row: readonly string[]) =>
    row.map((cell, column) =>
      numeric.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)
    ).join("  ").trimEnd();
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join(
    "\n",
  );
}

function format(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString("en-US");
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}

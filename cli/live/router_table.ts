/** The table that `router top` prints. */
import type { LoadRow } from "../../router/mod.ts";
import type { Style } from "../style.ts";

/** A column: its head, how a row fills it, and whether it is a number. */
interface Column {
  readonly head: string;
  readonly cell: (row: LoadRow) => string;
  readonly text?: true;
}

const COLUMNS: readonly Column[] = [
  { head: "MODEL", cell: ({ model }) => model || "-", text: true },
  { head: "HOST", cell: ({ host }) => host, text: true },
  { head: "STATE", cell: ({ state }) => state || "-", text: true },
  { head: "IN FLIGHT", cell: (row) => String(row.in_flight) },
  { head: "REQ/S", cell: (row) => rate(row.rps) },
  { head: "ERR/S", cell: (row) => rate(row.errors_per_second) },
  { head: "P50", cell: (row) => time(row.p50) },
  { head: "P99", cell: (row) => time(row.p99) },
  { head: "TTFT P50", cell: (row) => time(row.ttft_p50) },
  { head: "TTFT P99", cell: (row) => time(row.ttft_p99) },
  { head: "TOKENS/S", cell: (row) => rate(row.output_tokens_per_second) },
];

/** Returns the rows as a table with aligned columns, a line per model and host. */
export function routerTable(rows: readonly LoadRow[], style: Style): string {
  const cells = rows.map((row) => COLUMNS.map(({ cell }) => cell(row)));
  const widths = COLUMNS.map(({ head }, column) =>
    Math.max(head.length, ...cells.map((row) => row[column]?.length ?? 0))
  );
  const line = (texts: readonly string[]) =>
    texts.map((text, column) => {
      const width = widths[column] ?? 0;
      return COLUMNS[column]?.text ? text.padEnd(width) : text.padStart(width);
    }).join("  ").trimEnd();
  const body = rows.map((row, index) => paint(row, line(cells[index] ?? []), style));
  return [style.bold(line(COLUMNS.map(({ head }) => head))), ...body].join("\n");
}

/** A host that takes no requests, or fails them, is what one looks for. */
function paint(row: LoadRow, text: string, style: Style): string {
  if (row.state === "ejected" || row.state === "down") return style.bad(text);
  if (row.state === "returning" || row.errors_per_second > 0) return style.notice(text);
  return row.model === "" ? style.dim(text) : text;
}

function rate(value: number): string {
  return value === 0 ? "0" : value < 10 ? value.toFixed(1) : value.toFixed(0);
}

/** Seconds, in the unit that a person would use. */
function time(seconds: number | null): string {
  if (seconds === null) return "-";
  return seconds < 1 ? `${(seconds * 1000).toFixed(0)} ms` : `${seconds.toFixed(2)} s`;
}

/** The latencies of all scenarios as one SVG picture. */
import { ROUTING_LOGICS } from "../../router/mod.ts";
import type { Played } from "./table.ts";

const WIDTH = 860;
const LABELS = 230;
const ROW = 22;
const TITLE = 58;
/** p50, p95 and p99, from light to dark. */
const DOTS = [
  { key: "p50", fill: "#9ecae1" },
  { key: "p95", fill: "#4292c6" },
  { key: "p99", fill: "#08306b" },
] as const;

/** Returns an SVG: for each scenario a row for each strategy, times on a logarithmic axis. */
export function plotOf(played: readonly Played[]): string {
  const height = played.length * (TITLE + ROUTING_LOGICS.length * ROW) + 40;
  const panels = played.map((one, index) =>
    `<g transform="translate(0 ${10 + index * (TITLE + ROUTING_LOGICS.length * ROW)})">${
      panel(one)
    }</g>`
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    ...panels,
    `<g transform="translate(${LABELS} ${height - 14})">${
      DOTS.map(({ key, fill }, index) =>
        `<circle cx="${index * 70}" cy="-4" r="5" fill="${fill}"/><text x="${
          index * 70 + 10
        }">${key}</text>`
      ).join("")
    }</g>`,
    "</svg>",
    "",
  ].join("\n");
}

function panel({ scenario, outcome }: Played): string {
  const times = ROUTING_LOGICS.flatMap((logic) => DOTS.map(({ key }) => outcome[logic][key]));
  const low = Math.log10(Math.min(...times)) - 0.05;
  const high = Math.log10(Math.max(...times)) + 0.05;
  const x = (ms: number) =>
    round(LABELS + (Math.log10(ms) - low) / (high - low) * (WIDTH - LABELS - 30));
  const bottom = TITLE + ROUTING_LOGICS.length * ROW - 24;
  const marks = ticks(10 ** low, 10 ** high).map((ms) =>
    `<line x1="${x(ms)}" x2="${x(ms)}" y1="36" y2="${bottom}" stroke="#ddd"/>` +
    `<text x="${x(ms)}" y="32" text-anchor="middle" fill="#666">${label(ms)}</text>`
  );
  const rows = ROUTING_LOGICS.map((logic, index) => {
    const y = TITLE - 8 + index * ROW;
    const result = outcome[logic];
    return `<text x="${LABELS - 12}" y="${y + 4}" text-anchor="end">${logic}</text>` +
      `<line x1="${x(result.p50)}" x2="${x(result.p99)}" y1="${y}" y2="${y}" stroke="#bbb"/>` +
      DOTS.map(({ key, fill }) =>
        `<circle cx="${x(result[key])}" cy="${y}" r="5" fill="${fill}"><title>${logic} ${key} ${
          Math.round(result[key])
        } ms</title></circle>`
      ).join("");
  });
  return `<text x="10" y="14" font-weight="bold">${scenario.name}</text>${marks.join("")}${
    rows.join("")
  }`;
}

/** 1, 2 and 5 of each power of ten between two times. */
function ticks(low: number, high: number): number[] {
  return [1, 10, 100, 1_000, 10_000, 100_000].flatMap((power) => [1, 2, 5].map((n) => n * power))
    .filter((ms) => ms >= low && ms <= high);
}

function label(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

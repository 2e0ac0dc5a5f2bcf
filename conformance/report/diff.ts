/** Compares two reports. */
import type { Report, ReportCase } from "./report.ts";

/** How a case differs between two runs. */
export interface Difference {
  id: string;
  level: ReportCase["level"];
  before: ReportCase["status"] | "absent";
  after: ReportCase["status"] | "absent";
  /** Whether the second run is worse: something that passed does not pass any more. */
  worse: boolean;
  reason: string;
}

/** From best to worst, as far as a user of the gateway is concerned. */
const RANK: Record<Difference["before"], number> = {
  pass: 0,
  skip: 1,
  unsupported: 1,
  absent: 1,
  "not-measured": 2,
  warn: 3,
  fail: 4,
};

/** Returns the cases whose status differs between two runs, in the order of the first. */
export function diffReports(before: Report, after: Report): Difference[] {
  const ids = [...new Set([...before.cases, ...after.cases].map(({ id }) => id))];
  return ids.flatMap((id) => {
    const one = before.cases.find((entry) => entry.id === id);
    const two = after.cases.find((entry) => entry.id === id);
    const from = one?.status ?? "absent";
    const to = two?.status ?? "absent";
    if (from === to) return [];
    const level = two?.level ?? one?.level ?? "may";
    const reason = two?.reason || one?.reason || "";
    return [{ id, level, before: from, after: to, worse: RANK[to] > RANK[from], reason }];
  });
}

/** Returns one difference as a line for a terminal. */
export function differenceLine({ id, level, before, after, worse, reason }: Difference): string {
  const mark = worse ? "worse " : "better";
  const why = reason === "" ? "" : `  ${reason}`;
  return `${mark} ${id.padEnd(30)} ${level.padEnd(6)} ${before} -> ${after}${why}`;
}

/** Returns the differences as lines for a terminal. */
export function renderDiff(before: Report, after: Report): string {
  const differences = diffReports(before, after);
  const name = ({ target, started_at }: Report) => `${target.name}, ${started_at}`;
  const lines = [`before: ${name(before)}`, `after:  ${name(after)}`];
  lines.push(...differences.map(differenceLine));
  const worse = differences.filter((difference) => difference.worse).length;
  lines.push(
    differences.length === 0
      ? "no case differs"
      : `${differences.length} cases differ, ${worse} of them for the worse`,
  );
  return lines.join("\n") + "\n";
}

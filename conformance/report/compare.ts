/** Compares the reports of several runs. */
import { paint } from "./render/terminal.ts";
import type { Report, ReportCase } from "./report.ts";

/** A case whose verdict is not the same in every run. */
export interface Disagreement {
  id: string;
  level: ReportCase["level"];
  /** The verdict in each run, in the order of the runs; `absent` where it did not run. */
  statuses: (ReportCase["status"] | "absent")[];
  /** Why, for each run; empty where there is nothing to say. */
  reasons: string[];
  /** Known issue of a version, where the catalogue names one. */
  known_issue?: string;
}

/** Returns the cases on which several runs disagree, in the order of the first. */
export function disagreements(reports: readonly Report[]): Disagreement[] {
  const ids = [...new Set(reports.flatMap(({ cases }) => cases.map(({ id }) => id)))];
  return ids.flatMap((id) => {
    const found = reports.map(({ cases }) => cases.find((one) => one.id === id));
    const statuses = found.map((one) => one?.status ?? "absent");
    if (new Set(statuses).size < 2) return [];
    const known = found.find((one) => one?.known_issue)?.known_issue;
    return [{
      id,
      level: found.find((one) => one !== undefined)?.level ?? "may",
      statuses,
      reasons: found.map((one) => one?.reason ?? ""),
      ...(known !== undefined && { known_issue: known }),
    }];
  });
}

/** Returns a table of the cases on which runs disagree: a column per run, then the reasons. */
export function renderDisagreements(
  names: readonly string[],
  reports: readonly Report[],
  { colour = false }: { colour?: boolean } = {},
): string {
  const found = disagreements(reports);
  if (found.length === 0) return `no case differs between ${names.join(", ")}\n`;
  const width = Math.max("not-measured".length, ...names.map(({ length }) => length)) + 2;
  const idWidth = Math.max(...found.map(({ id }) => id.length)) + 2;
  const lines = [
    `${"case".padEnd(idWidth)}${"level".padEnd(8)}${
      names.map((name) => name.padEnd(width)).join("")
    }`.trimEnd(),
  ];
  for (const { id, level, statuses, reasons, known_issue } of found) {
    const cells = statuses.map((status) =>
      status === "absent" ? status.padEnd(width) : paint(status.padEnd(width), status, colour)
    );
    lines.push(`${id.padEnd(idWidth)}${level.padEnd(8)}${cells.join("")}`.trimEnd());
    for (const [n, reason] of reasons.entries()) {
      if (reason !== "") lines.push(`    ${names[n]}: ${reason}`);
    }
    if (known_issue !== undefined) lines.push(`    known issue: ${known_issue}`);
  }
  lines.push(`${found.length} of ${reports[0]?.cases.length ?? 0} cases differ`);
  return lines.join("\n") + "\n";
}

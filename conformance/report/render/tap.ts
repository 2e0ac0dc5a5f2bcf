/** Writes a report as TAP. */
import { stringify } from "yaml";
import type { Report, ReportCase } from "../report.ts";

/** Returns TAP version 14, with a YAML block for everything that did not pass. */
export function renderTap(reports: readonly Report[]): string {
  const all = reports.flatMap((report) => report.cases.map((one) => ({ report, one })));
  const lines = ["TAP version 14", `1..${all.length}`];
  for (const [index, { report, one }] of all.entries()) {
    const name = reports.length > 1 ? `${report.target.name}: ${one.id}` : one.id;
    lines.push(testPoint(index + 1, escape(name), one));
    if (one.checks.some(({ ok }) => !ok)) lines.push(...diagnostics(one));
  }
  for (const { problems } of reports) {
    for (const problem of problems) lines.push(`# ${problem.replaceAll("\n", " ")}`);
  }
  return lines.join("\n") + "\n";
}

function testPoint(n: number, name: string, one: ReportCase): string {
  const reason = escape(one.reason.replaceAll("\n", " "));
  switch (one.status) {
    case "pass":
      return `ok ${n} - ${name}`;
    case "fail":
      // A known failure is TODO: not ok, and not counted (TAP 14, directives).
      return one.known_failure === undefined
        ? `not ok ${n} - ${name}`
        : `not ok ${n} - ${name} # TODO ${escape(one.known_failure)}`;
    case "warn":
      return `not ok ${n} - ${name} # TODO ${one.level} missed: ${reason}`;
    default:
      return `ok ${n} - ${name} # SKIP ${one.status}: ${reason}`;
  }
}

function diagnostics(one: ReportCase): string[] {
  const block = stringify({
    level: one.level,
    requirement: one.requirement,
    source: one.source,
    checks: one.checks.filter(({ ok }) => !ok).map(({ name, expected, observed }) => ({
      name,
      expected,
      observed,
    })),
    reproduce: one.reproduce,
  });
  return ["  ---", ...block.trimEnd().split("\n").map((line) => `  ${line}`), "  ..."];
}

/** "#" starts a directive and "\" escapes (TAP 14). */
function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("#", "\\#");
}

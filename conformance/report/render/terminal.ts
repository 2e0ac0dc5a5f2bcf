/** Writes a report for a terminal. */
import type { Report, ReportCase } from "../report.ts";

/** The words of the closing summary, for each case, too. */
const WORD: Record<ReportCase["status"], string> = {
  pass: "passed",
  fail: "FAILED",
  warn: "warned",
  skip: "skipped",
  unsupported: "unsupported",
  "not-measured": "not measured",
};

/** Columns of the longest word. */
const WORD_WIDTH = 12;

/** ANSI colour of a status. */
const COLOUR: Record<ReportCase["status"], number> = {
  pass: 32,
  fail: 31,
  warn: 33,
  skip: 90,
  unsupported: 90,
  "not-measured": 35,
};

/** Returns text in a status's colour when colour is on. */
export function paint(text: string, status: ReportCase["status"], colour: boolean): string {
  return colour ? `\x1b[${COLOUR[status]}m${text}\x1b[0m` : text;
}

/** Returns one line for a case: status, id, duration, reason. */
export function caseLine(one: ReportCase, options: { colour?: boolean } = {}): string {
  const mark = paint(WORD[one.status].padEnd(WORD_WIDTH), one.status, options.colour ?? false);
  const time = one.duration_ms > 0 ? `${one.duration_ms} ms`.padStart(9) : "".padStart(9);
  const axes = [...new Set(one.axes.map(({ protocol }) => protocol))].join(",");
  const why = one.reason ? `  ${one.reason}` : "";
  const known = one.known_failure ? ` (known: ${one.known_failure})` : "";
  return `${mark} ${one.id.padEnd(30)} ${one.level.padEnd(6)} ${
    axes.padEnd(6)
  } ${time}${why}${known}`;
}

/** Returns the failures of a run in full, and the count of every status: for the end of a run. */
export function renderTerminal(
  report: Report,
  options: { colour?: boolean; trace?: boolean } = {},
): string {
  const lines: string[] = [];
  for (const one of report.cases) {
    if (one.status !== "fail" && one.status !== "warn" && one.status !== "not-measured") continue;
    if (
      one.status === "not-measured" && one.checks.length === 0 && !one.reason.startsWith("Harness")
    ) {
      continue;
    }
    lines.push("", ...explain(one, { colour: false, trace: true, ...options }));
  }
  const { summary, interrupted } = report;
  for (const problem of report.problems) lines.push("", `problem: ${problem}`);
  lines.push(
    "",
    `${summary.cases} cases: ${countsOf(summary)}, in ${(report.duration_ms / 1000).toFixed(1)} s${
      interrupted ? `, then ${interrupted.reason.replace(/^I/, "i")}` : ""
    }`,
    ...(report.conclusion === undefined ? [] : [report.conclusion]),
    `target ${report.target.name}`,
    `at ${report.target.url}, control ${report.target.control}` +
      (report.target.envoy_version ? `, Envoy ${report.target.envoy_version}` : ""),
    `repeat with: ${report.reproduce}`,
    ...namesOf(report, options.colour ?? false),
  );
  return lines.join("\n") + "\n";
}

/** How many there are of each status; of the rarer ones only where there are some. */
function countsOf(summary: Report["summary"]): string {
  const rare: readonly (readonly [count: number, word: string])[] = [
    [summary.warned, "warned"],
    [summary.skipped, "skipped"],
    [summary.unsupported, "unsupported"],
    [summary.not_measured, "not measured"],
  ];
  return [
    `${summary.passed} passed`,
    `${summary.failed} failed`,
    ...rare.flatMap(([count, word]) => count > 0 ? [`${count} ${word}`] : []),
  ].join(", ");
}

/** The cases to look at, once more and last: what stood above may have scrolled away. */
function namesOf({ cases }: Report, colour: boolean): string[] {
  const failed = cases.filter((one) => one.status === "fail" && one.known_failure === undefined);
  const causes = Map.groupBy(failed, causeOf);
  return [...causes].map(([cause, cases]) =>
    `${paint("failed", "fail", colour)} ${cases.map(({ id }) => id).join(", ")}: ${cause}`
  );
}

/** The cause that cases share: the rule of lint that finds it, or else the reason. */
function causeOf({ lint = [], reason }: ReportCase): string {
  const [first] = lint;
  return first === undefined ? reason : `${first.found ?? first.rule}; fix: ${first.fix}`;
}

/** Returns everything about a case that did not pass. */
function explain(one: ReportCase, options: { colour: boolean; trace: boolean }): string[] {
  const lines = [
    paint(`${WORD[one.status]} ${one.id}`, one.status, options.colour) + ` (${one.level})`,
    `     requirement: ${one.requirement}`,
    `     source:      ${one.source}`,
    `     witnesses:   ${one.witnesses.join(", ")}`,
  ];
  for (const check of one.checks.filter(({ ok }) => !ok)) {
    lines.push(
      `     not ok: ${check.name}`,
      `         expected ${show(check.expected)}`,
      `         observed ${show(check.observed)}`,
    );
  }
  if (one.status === "not-measured") lines.push(`     reason: ${one.reason}`);
  if (options.trace && one.trace && one.trace.length > 0) {
    lines.push("     trace:");
    for (const { t, witness, text } of one.trace) {
      lines.push(`     ${t.toFixed(2).padStart(10)} ms  ${witness.padEnd(8)} ${text}`);
    }
  }
  if (one.known_issue) lines.push(`     known issue: ${one.known_issue}`);
  if (one.reproduce) lines.push(`     repeat with: ${one.reproduce}`);
  if (one.curl) lines.push(`     curl:        ${one.curl}`);
  return lines;
}

function show(value: unknown): string {
  return JSON.stringify(value);
}

/** Writes a report as Markdown. */
import type { Report, ReportCase } from "../report.ts";

const MARK: Record<ReportCase["status"], string> = {
  pass: "✅",
  fail: "❌",
  warn: "⚠️",
  skip: "⏭️",
  unsupported: "➖",
  "not-measured": "❔",
};

/** Checks that are shown of a case that passed. */
const SHOWN = 4;

/** Returns Markdown for a job summary: counts, what did not pass with its checks, then all cases. */
export function renderMarkdown(reports: readonly Report[]): string {
  const parts = [
    "# Conformance report",
    "",
    "| target | passed | failed | warned | skipped | unsupported | not measured | seconds |",
    "| --- | --: | --: | --: | --: | --: | --: | --: |",
    ...reports.map(({ target, summary, duration_ms }) =>
      `| ${cell(target.name)} | ${summary.passed} | ${summary.failed} | ${summary.warned} | ` +
      `${summary.skipped} | ${summary.unsupported} | ${summary.not_measured} | ` +
      `${(duration_ms / 1000).toFixed(1)} |`
    ),
    "",
  ];
  for (const report of reports) parts.push(...oneReport(report, reports.length > 1));
  return parts.join("\n");
}

function oneReport(report: Report, named: boolean): string[] {
  const { target, run, platform } = report;
  const facts = [
    ...(report.conclusion === undefined ? [] : [`**${report.conclusion}**`]),
    `llmgate ${report.tool.version}${
      report.tool.commit === undefined ? "" : `, commit ${report.tool.commit}`
    }, catalogue ${report.catalogue}`,
    `${target.url}, control ${target.control}`,
    ...(target.envoy_version ? [`Envoy ${target.envoy_version}`] : []),
    `${platform.os} ${platform.arch}, ${platform.runtime}`,
    `seed ${run.seed}, time scale ${run.time_scale}`,
    `repeat with \`${report.reproduce}\``,
  ];
  const lines = [
    ...(named ? [`## ${target.name}`, ""] : []),
    ...facts.map((fact) => `- ${fact}`),
    "",
  ];
  for (const [name, value] of Object.entries(target.facts)) lines.push(`- ${name}: \`${value}\``);
  for (const problem of report.problems) lines.push("", `> **problem:** ${problem}`);
  const passed = report.cases.filter(({ status }) => status === "pass");
  const bad = report.cases.filter(({ status }) => status === "fail" || status === "warn");
  for (const one of bad) lines.push(...finding(one));
  lines.push(
    "",
    "<details><summary>All cases</summary>",
    "",
    "| | case | level | ms | reason |",
    "| --- | --- | --- | --: | --- |",
    ...report.cases.map((one) =>
      `| ${MARK[one.status]} | \`${one.id}\` | ${one.level} | ${one.duration_ms} | ${
        cell(one.reason)
      } |`
    ),
    "",
    "</details>",
    "",
    "<details><summary>What passed, and what was seen</summary>",
    "",
    "| case | requirement | source | witnesses | seen |",
    "| --- | --- | --- | --- | --- |",
    ...passed.map((one) =>
      `| \`${one.id}\` | ${cell(one.requirement)} | ${cell(one.source)} | ${
        one.witnesses.join(", ")
      } | ${seen(one)} |`
    ),
    "",
    "</details>",
    "",
  );
  return lines;
}

/** The first checks of a case that passed, as name and observation; the JSON form has them all. */
function seen(one: ReportCase): string {
  const own = one.checks.filter(({ name }) => !name.includes("agree."));
  const named = own.slice(0, SHOWN).map(({ name, observed }) => `${cell(name)}: ${code(observed)}`);
  const more = own.length > SHOWN ? `; ${own.length - SHOWN} more` : "";
  const agreed = one.checks.length - own.length;
  return `${named.join("; ")}${more}${agreed > 0 ? `; ${agreed} agreements of the witnesses` : ""}`;
}

function finding(one: ReportCase): string[] {
  const lines = [
    "",
    `### ${MARK[one.status]} \`${one.id}\` (${one.level})`,
    "",
    one.requirement,
    "",
  ];
  lines.push(`Source: ${one.source}`, "", "| check | expected | observed |", "| --- | --- | --- |");
  for (const { name, expected, observed } of one.checks.filter(({ ok }) => !ok)) {
    lines.push(`| ${cell(name)} | ${code(expected)} | ${code(observed)} |`);
  }
  if (one.known_failure) lines.push("", `Known failure: ${one.known_failure}`);
  if (one.known_issue) lines.push("", `Known issue: ${one.known_issue}`);
  if (one.trace && one.trace.length > 0) {
    lines.push("", "<details><summary>Trace</summary>", "", "```text");
    for (const { t, witness, text } of one.trace) {
      lines.push(`${t.toFixed(2).padStart(10)} ms  ${witness.padEnd(8)} ${text}`);
    }
    lines.push("```", "", "</details>");
  }
  if (one.reproduce) lines.push("", "```sh", one.reproduce, ...(one.curl ? [one.curl] : []), "```");
  return lines;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/\s+/g, " ");
}

function code(value: unknown): string {
  return `\`${cell(JSON.stringify(value) ?? "null").replaceAll("`", "'")}\``;
}

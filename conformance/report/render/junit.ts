/** Writes a report as JUnit XML. */
import type { Report, ReportCase } from "../report.ts";

/**
 * Returns JUnit XML: a suite per group and target, a case per id. What was skipped, unsupported or
 * not measured is `skipped` with its reason, so that no dashboard counts it as passed; a warning is
 * a passed case with its checks in `system-out`.
 */
export function renderJunit(reports: readonly Report[]): string {
  const suites = reports.flatMap((report) =>
    [...Map.groupBy(report.cases, ({ group }) => group)].map(([group, cases]) =>
      suite(report, group, cases)
    )
  );
  const all = reports.flatMap(({ cases }) => cases);
  const attributes = counts(all);
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="llmgate" ${attributes}>\n` +
    suites.join("") + "</testsuites>\n";
}

function suite(report: Report, group: string, cases: readonly ReportCase[]): string {
  const { target } = report;
  const properties = {
    catalogue: report.catalogue,
    target: target.url,
    control: target.control,
    envoy: target.envoy_version ?? "",
    seed: String(report.run.seed),
    reproduce: report.reproduce,
  };
  const lines = Object.entries(properties).map(([name, value]) =>
    `      <property name="${name}" value="${escape(value)}"/>\n`
  );
  const name = escape(`${target.name}: ${group}`);
  return `  <testsuite name="${name}" ${counts(cases)} timestamp="${report.started_at}">\n` +
    `    <properties>\n${lines.join("")}    </properties>\n` +
    cases.map(testcase).join("") + "  </testsuite>\n";
}

function testcase(one: ReportCase): string {
  const open = `    <testcase classname="${one.group}" name="${escape(one.id)}" ` +
    `time="${(one.duration_ms / 1000).toFixed(3)}"`;
  const parts: string[] = [];
  const known = one.known_failure;
  if (known !== undefined) {
    parts.push(`      <skipped message="${escape(`known failure: ${known}`)}"/>\n`);
  } else if (one.status === "fail") {
    parts.push(
      `      <failure message="${escape(one.reason)}" type="${one.level}">` +
        `${escape(details(one))}</failure>\n`,
    );
  } else if (one.status !== "pass" && one.status !== "warn") {
    parts.push(`      <skipped message="${escape(`${one.status}: ${one.reason}`)}"/>\n`);
  }
  if (one.status === "warn") parts.push(`      <system-out>${escape(details(one))}</system-out>\n`);
  return parts.length === 0 ? `${open}/>\n` : `${open}>\n${parts.join("")}    </testcase>\n`;
}

function details(one: ReportCase): string {
  const lines = [one.requirement, `source: ${one.source}`];
  for (const { name, expected, observed } of one.checks.filter(({ ok }) => !ok)) {
    lines.push(`${name}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(observed)}`);
  }
  for (const { t, witness, text } of one.trace ?? []) {
    lines.push(`${t.toFixed(2)} ms ${witness}: ${text}`);
  }
  if (one.reproduce) lines.push(`repeat with: ${one.reproduce}`);
  if (one.curl) lines.push(one.curl);
  return lines.join("\n");
}

function counts(cases: readonly ReportCase[]): string {
  const judged = (one: ReportCase) => one.status === "pass" || one.status === "warn";
  const failed =
    cases.filter(({ status, known_failure }) => status === "fail" && known_failure === undefined)
      .length;
  const skipped =
    cases.filter((one) =>
      one.known_failure !== undefined || (!judged(one) && one.status !== "fail")
    ).length;
  const seconds = cases.reduce((sum, { duration_ms }) => sum + duration_ms, 0) / 1000;
  return `tests="${cases.length}" failures="${failed}" errors="0" skipped="${skipped}" ` +
    `time="${seconds.toFixed(3)}"`;
}

/** Escapes for XML 1.0 and replaces the characters that it cannot hold (section 2.2). */
function escape(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("\n", "&#10;");
}

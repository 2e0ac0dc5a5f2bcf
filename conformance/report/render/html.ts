/** Writes a report as a page of HTML. */
import type { Report, ReportCase } from "../report.ts";
import style from "./html.css" with { type: "text" };
import script from "./html_page.js" with { type: "text" };
import { drawTimeline } from "./timeline.ts";

/** The page loads nothing, from nowhere: a browser is told to hold it to that. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/** With more findings than this they start closed, or nobody sees that there are more. */
const OPEN_FINDINGS = 12;

/** The witnesses, in the order of a request's way. */
const WITNESSES = ["client", "envoy", "policy", "upstream"] as const;

/**
 * Returns one self-contained page: cases by targets, every failure with its checks and the traces of
 * its witnesses, and the streams drawn. Works without network, with the keyboard, and in the dark.
 */
export function renderHtml(reports: readonly Report[]): string {
  const ids = [...new Set(reports.flatMap(({ cases }) => cases.map(({ id }) => id)))];
  const title = `Conformance: ${reports.map(({ target }) => target.name).join(", ")}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escape(title)}</title>
<style>
${style}</style>
</head>
<body>
<header>
<h1>Conformance report</h1>
<nav aria-label="Sections"><a href="#matrix">Cases</a> <a href="#findings">Findings</a> <a href="#proofs">What passed</a> <a href="#streams">Streams</a></nav>
</header>
<main>
${reports.map(header).join("\n")}
<div class="controls" role="search" hidden>
<label>Filter <input id="search" type="search" placeholder="case id, press /"></label>
<label><input id="only" type="checkbox"> only what did not pass</label>
<span class="note">keys: / filter, j and k through the findings, Enter opens</span>
</div>
<h2 id="matrix">Cases</h2>
<div class="scroll" role="region" aria-labelledby="matrix" tabindex="0">
<table class="matrix">
<thead><tr><th scope="col">case</th><th scope="col">level</th>${
    reports.map(({ target }) => `<th scope="col">${escape(target.name)}</th>`).join("")
  }<th scope="col">requirement</th></tr></thead>
<tbody>
${matrix(ids, reports)}
</tbody>
</table>
</div>
<h2 id="findings">Findings</h2>
${findings(reports) || '<p class="note">Everything that was measured passed.</p>'}
<h2 id="proofs">What passed</h2>
<p class="note">Each with its requirement, its source, what was checked, and what the witnesses saw.</p>
${proofs(reports) || '<p class="note">Nothing passed.</p>'}
<h2 id="streams">Streams</h2>
<p class="note">Upper row: when the upstream sent each event. Lower row: when the client had it.</p>
${streams(reports) || '<p class="note">No stream was measured.</p>'}
</main>
<script>
${script}</script>
</body>
</html>
`;
}

function header(report: Report): string {
  const { target, summary, run, platform, tool } = report;
  const counts = [
    ["pass", summary.passed, "passed"],
    ["fail", summary.failed, "failed"],
    ["warn", summary.warned, "warned"],
    ["skip", summary.skipped, "skipped"],
    ["unsupported", summary.unsupported, "unsupported"],
    ["not-measured", summary.not_measured, "not measured"],
  ] as const;
  const facts: [string, string][] = [
    ["target", `${target.name}, ${target.url}`],
    ["control", target.control],
    ...(report.conclusion === undefined
      ? []
      : [["conclusion", report.conclusion] as [string, string]]),
    [
      "tool",
      `${tool.name} ${tool.version}${
        tool.commit === undefined ? "" : `, commit ${tool.commit}`
      }, ` +
      `catalogue ${report.catalogue}`,
    ],
    ...(target.envoy_version ? [["Envoy", target.envoy_version] as [string, string]] : []),
    ...Object.entries(target.facts),
    ["platform", `${platform.os} ${platform.arch}, ${platform.runtime}`],
    [
      "run",
      `${report.started_at}, seed ${run.seed}, time scale ${run.time_scale}, ${run.jobs} jobs`,
    ],
    ["repeat with", report.reproduce],
    ...report.problems.map((problem): [string, string] => ["problem", problem]),
  ];
  return `<section>
<h2>${escape(target.name)}</h2>
<div class="counts">${
    counts.map(([status, n, word]) => `<span class="${status}"><b>${n}</b> ${word}</span>`).join("")
  }<span class="note">in ${(report.duration_ms / 1000).toFixed(1)} s</span></div>
<dl class="facts">${
    facts.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join("")
  }</dl>
</section>`;
}

function matrix(ids: readonly string[], reports: readonly Report[]): string {
  const rows: string[] = [];
  let group = "";
  for (const id of ids) {
    const found = reports.map(({ cases }) => cases.find((one) => one.id === id));
    const first = found.find((one) => one !== undefined);
    if (!first) continue;
    if (first.group !== group) {
      group = first.group;
      const span = reports.length + 3;
      rows.push(
        `<tr class="group" data-name="${escape(group)}"><th scope="rowgroup" colspan="${span}">${
          escape(group)
        }</th></tr>`,
      );
    }
    const bad = found.some((one) => one && isBad(one)) ? 1 : 0;
    const cells = found.map((one, index) =>
      one
        ? `<td class="status ${one.status}" title="${escape(one.reason)}">${link(one, index)}</td>`
        : '<td class="note">not in this run</td>'
    );
    rows.push(
      `<tr data-case="${escape(id)}" data-group="${escape(group)}" data-bad="${bad}">` +
        `<th scope="row"><code>${escape(id)}</code></th><td>${first.level}</td>${cells.join("")}` +
        `<td>${escape(first.requirement)}</td></tr>`,
    );
  }
  return rows.join("\n");
}

function link(one: ReportCase, index: number): string {
  const text = `${one.status}${one.known_failure ? " (known)" : ""}`;
  return isBad(one) || isProof(one) ? `<a href="#${anchor(one, index)}">${text}</a>` : text;
}

function findings(reports: readonly Report[]): string {
  const count = reports.reduce((sum, { cases }) => sum + cases.filter(isBad).length, 0);
  const open = count <= OPEN_FINDINGS;
  return reports.flatMap((report, index) =>
    report.cases.filter(isBad).map((one) => finding(one, report, { index, open }))
  ).join("\n");
}

function finding(
  one: ReportCase,
  report: Report,
  { index, open, checks: shown = one.checks.filter(({ ok }) => !ok) }: {
    index: number;
    open: boolean;
    checks?: ReportCase["checks"];
  },
): string {
  const checks = shown.map(({ name, expected, observed }) =>
    `<tr><td>${escape(name)}</td><td><code>${show(expected)}</code></td>` +
    `<td><code>${show(observed)}</code></td></tr>`
  );
  const commands = [one.reproduce, one.curl].filter((line) => line !== undefined);
  return `<details class="finding" id="${anchor(one, index)}"${open ? " open" : ""} data-case="${
    escape(one.id)
  }" data-bad="${isBad(one) ? 1 : 0}">
<summary><span class="${one.status}">${one.status}</span> <code>${
    escape(one.id)
  }</code> (${one.level}) on ${escape(report.target.name)}</summary>
<div>
<p>${escape(one.requirement)}<br><span class="note">Source: ${escape(one.source)}. Heard: ${
    escape(one.witnesses.join(", "))
  }.</span></p>
${
    checks.length > 0
      ? `<div class="scroll"><table class="checks"><thead><tr><th scope="col">check</th>` +
        `<th scope="col">expected</th><th scope="col">observed</th></tr></thead><tbody>${
          checks.join("")
        }</tbody></table></div>`
      : `<p>${escape(one.reason)}</p>`
  }
${one.known_issue ? `<p>Known issue: ${escape(one.known_issue)}</p>` : ""}
${one.known_failure ? `<p>Known failure: ${escape(one.known_failure)}</p>` : ""}
${traceTable(one)}
${commands.length > 0 ? `<pre>${escape(commands.join("\n"))}</pre>` : ""}
</div>
</details>`;
}

/** Writes the evidence of the cases that passed, closed until somebody opens it. */
function proofs(reports: readonly Report[]): string {
  return reports.flatMap((report, index) =>
    report.cases.filter(isProof).map((one) =>
      finding(one, report, { index, open: false, checks: one.checks })
    )
  ).join("\n");
}

/** Writes the records of the witnesses side by side: a line per moment, a column per witness. */
function traceTable({ trace = [] }: ReportCase): string {
  if (trace.length === 0) return "";
  const heard = WITNESSES.filter((name) => trace.some(({ witness }) => witness === name));
  const rows = trace.map(({ t, witness, text }) =>
    `<tr><td class="t">${t.toFixed(2)}</td>${
      heard.map((name) =>
        name === witness ? `<td class="${name}">${escape(text)}</td>` : "<td></td>"
      ).join("")
    }</tr>`
  );
  return `<div class="scroll" role="region" aria-label="Trace" tabindex="0"><table class="trace">` +
    `<thead><tr><th scope="col">ms</th>${
      heard.map((name) => `<th scope="col" class="${name}">${name}</th>`).join("")
    }</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}

function streams(reports: readonly Report[]): string {
  return reports.flatMap((report, index) =>
    report.cases.filter(({ timeline }) => timeline && timeline.received.length > 1).map((one) =>
      `<details class="finding" data-case="${escape(one.id)}" data-bad="${isBad(one) ? 1 : 0}"${
        index === 0 && one.id === "sse.cadence" ? " open" : ""
      }>
<summary><code>${escape(one.id)}</code> over ${one.timeline?.protocol} on ${
        escape(report.target.name)
      }</summary>
<div>${one.timeline ? drawTimeline(one.timeline) : ""}</div>
</details>`
    )
  ).join("\n");
}

function isBad(one: ReportCase): boolean {
  return one.status === "fail" || one.status === "warn" ||
    (one.status === "not-measured" && one.checks.length > 0);
}

function isProof(one: ReportCase): boolean {
  return one.status === "pass" && one.checks.length > 0;
}

function anchor(one: ReportCase, index: number): string {
  return `${one.id.replace(/[^a-z0-9]+/g, "-")}-${index}`;
}

function show(value: unknown): string {
  return escape(JSON.stringify(value) ?? "null");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

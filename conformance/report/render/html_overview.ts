/** The top of the report's page: the verdict in a sentence, the counts, a grid of groups, and the run's facts folded. */
import type { Report, ReportCase } from "../report.ts";
import { anchorOf, isBad, STATUSES } from "./html_case.ts";
import { type Html, html } from "./markup.ts";

/** Statuses from worst to best. */
const ORDER = ["fail", "warn", "not-measured", "pass", "skip", "unsupported"] as const;

/** Returns the verdict on one run, and its overview. */
export function overview(report: Report, run: number): Html {
  const { target, summary } = report;
  return html`<section class="verdict ${
    summary.failed > 0 ? "bad" : "good"
  }" aria-label="Verdict on run ${run + 1}: ${target.name}">
<p class="eyebrow">${target.name}</p>
<p class="sentence">${sentence(report)}</p>
${bar(report.cases)}
<ul class="counts">${
    ORDER.flatMap((status) => {
      const count = report.cases.filter((one) => one.status === status).length;
      if (count === 0) return [];
      const text = html`<b>${count}</b> ${STATUSES[status].word}`;
      return [
        html`<li class="c-${status}">${
          status === "fail" || status === "warn" ? html`<a href="#findings">${text}</a>` : text
        }</li>`,
      ];
    })
  }<li class="soft">in ${(report.duration_ms / 1_000).toFixed(1)} s</li></ul>
${report.problems.map((problem) => html`<p class="problem">${problem}</p>`)}
</section>
${grid(report, run)}`;
}

function sentence(report: Report): string {
  if (report.conclusion !== undefined) return report.conclusion;
  const { failed, cases } = report.summary;
  return failed === 0 ? `None of ${cases} cases failed.` : `${failed} of ${cases} cases failed.`;
}

/** One bar of all cases, by status. */
function bar(cases: readonly ReportCase[]): Html {
  let at = 0;
  const parts = ORDER.map((status) => {
    const width = cases.filter((one) => one.status === status).length / Math.max(1, cases.length) *
      1_000;
    const x = at;
    at += width;
    return width === 0
      ? ""
      : html`<rect class="f-${status}" x="${x.toFixed(1)}" y="0" width="${
        Math.max(2, width - 2).toFixed(1)
      }" height="8" rx="2"></rect>`;
  });
  return html`
    <svg class="bar" viewBox="0 0 1000 8" preserveAspectRatio="none"
      aria-hidden="true">${parts}</svg>
  `;
}

/** Every group with a square for each of its cases; those that did not pass come first. */
function grid(report: Report, run: number): Html {
  const groups = [...new Set(report.cases.map(({ group }) => group))].map((name) => {
    const cases = report.cases.filter(({ group }) => group === name);
    return { name, cases, bad: cases.filter(isBad).length };
  }).sort((one, two) => two.bad - one.bad);
  const measured = groups.filter(({ cases }) => cases.some(isMeasured));
  const left = groups.filter(({ cases }) => !cases.some(isMeasured));
  const rest = left.map(({ name, cases }) => `${name} (${cases.length})`).join(", ");
  return html`<ul class="grid" aria-label="Groups of run ${run + 1}">${
    measured.map(({ name, cases, bad }) => {
      const passed = cases.filter(({ status }) => status === "pass").length;
      return html`
        <li class="tile${bad > 0 ? " bad" : ""}">
          <p><b>${name}</b> <span class="soft">${passed} of ${cases.length}</span></p>
          <p class="squares">${cases.map((one) =>
            html`
              <a class="square f-${one.status}" href="#${anchorOf(one, run)}"
                title="${one.id}: ${STATUSES[one.status].word}"><span class="hide">${one
                  .id}: ${STATUSES[one.status].word}</span></a>
            `
          )}</p>
        </li>
      `;
    })
  }</ul>${rest === "" ? "" : html`<p class="left soft">Not measured here: ${rest}.</p>`}`;
}

function isMeasured({ status }: ReportCase): boolean {
  return status === "pass" || status === "fail" || status === "warn";
}

/** Facts of a run, folded: who reads a verdict seldom needs them. */
export function runFacts(report: Report): Html {
  const { target, platform, tool, run } = report;
  const facts: [string, string][] = [
    ["target", `${target.name}, ${target.url}`],
    ["control", target.control],
    ...(target.envoy_version ? [["Envoy", target.envoy_version] as [string, string]] : []),
    ...Object.entries(target.facts).filter(([, value]) => value !== ""),
    [
      "tool",
      `${tool.name} ${tool.version}${
        tool.commit === undefined ? "" : `, commit ${tool.commit}`
      }, ` +
      `catalogue ${report.catalogue}`,
    ],
    ["platform", `${platform.os} ${platform.arch}, ${platform.runtime}`],
    [
      "run",
      `${report.started_at}, seed ${run.seed}, time scale ${run.time_scale}, ${run.jobs} jobs`,
    ],
    ["repeat with", report.reproduce],
  ];
  return html`
    <details class="run">
      <summary>About the run on ${target.name}</summary>
      <dl class="facts">${facts.map(([name, value]) =>
        html`
          <dt>${name}</dt>
          <dd>${value}</dd>
        `
      )}</dl>
    </details>
  `;
}

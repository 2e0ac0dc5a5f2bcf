/** Writes a report as a page of HTML. */
import { createHash } from "node:crypto";
import { drawLanes, sayMs, spanOf } from "../../../view/mod.ts";
import tokens from "../../../view/tokens.css" with { type: "text" };
import { delaysOf } from "../difference.ts";
import type { Report, ReportCase } from "../report.ts";
import style from "./html.css" with { type: "text" };
import script from "./html_page.js" with { type: "text" };
import { anchorOf, caseDetails, isBad, statusPill, streamLanes } from "./html_case.ts";
import { overview, runFacts } from "./html_overview.ts";
import { element, type Html, html, raw } from "./markup.ts";

const STYLE = `\n${tokens}${style}`;
const SCRIPT = `\n${script}`;

/** The page loads nothing, from nowhere, and runs this style and script alone (CSP level 3, section 2.3.1). */
const POLICY = `default-src 'none'; style-src ${hashOf(STYLE)}; script-src ${hashOf(SCRIPT)}`;

/** With more findings than this they start closed, or nobody sees that there are more. */
const OPEN_FINDINGS = 12;

/** The worst first. */
const GRAVITY: readonly ReportCase["status"][] = ["fail", "warn", "not-measured"];

/**
 * Returns one self-contained page: the verdict, a grid of groups, what did not pass with its first difference and its
 * fix, the streams, every case with its evidence; several runs side by side. Works without network, with the keyboard,
 * and in the dark.
 */
export function renderHtml(reports: readonly Report[]): string {
  const several = reports.length > 1;
  const title = `Conformance: ${reports.map(({ target }) => target.name).join(", ")}`;
  const found = findings(reports, several);
  const drawn = streams(reports, several);
  const link = (to: string, text: string) => html`<a href="#${to}">${text}</a>`;
  const page = html`
    <!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="${raw(POLICY)}">
        <title>${title}</title>
        <style>${raw(STYLE)}</style>
      </head>
      <body>
        <header class="top">
          <h1>Conformance report</h1>
          <nav aria-label="Sections">${[
            ...(several ? [link("differences", "Differences")] : []),
            link("findings", "Findings"),
            link("streams", "Streams"),
            link("cases", "Cases"),
          ]}</nav>
        </header>
        <main>
    <div class="runs">${reports.map((report, run) =>
      html`<div>${overview(report, run)}</div>`
    )}</div>
    ${several ? differences(reports) : ""}
    <div class="controls" role="search" hidden>
    <label>Filter <input id="search" type="search" placeholder="case id"></label>
    <label class="tick"><input id="only" type="checkbox"> only what did not pass</label>
    <span class="soft">/ filters, j and k move, Enter opens</span>
    </div>
    <h2 id="findings">Findings${found.length > 0
      ? html`
        <span class="soft">${found.length}</span>
      `
      : ""}</h2>
    ${found.length > 0 ? found : html`<p class="soft">Everything that was measured passed.</p>`}
    <h2 id="streams">Streams${drawn.length > 0
      ? html`
        <span class="soft">${drawn.length}</span>
      `
      : ""}</h2>
    ${drawn.length === 0 ? html`<p class="soft">No stream was measured.</p>` : html`
      <p
        class="soft">Upper lane: when the upstream sent each event. Lower lane: when the client had it.</p>
      <ul class="streams">${drawn}</ul>
    `}
    <h2 id="cases">Cases</h2>
    <p class="soft">Every case with its requirement, what was checked, and what the witnesses saw.</p>
    ${cases(reports, several)}
    <h2 id="runs">Runs</h2>
    ${reports.map(runFacts)}
        </main>
        <script>${raw(SCRIPT)}</script>
      </body>
    </html>
  `;
  return `${String(page).trim()}\n`;
}

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

function findings(reports: readonly Report[], several: boolean): Html[] {
  const all = reports.flatMap((report, run) =>
    report.cases.filter(isBad).map((one) => ({ one, report, run }))
  ).sort((a, b) => GRAVITY.indexOf(a.one.status) - GRAVITY.indexOf(b.one.status));
  const open = all.length <= OPEN_FINDINGS;
  return all.map(({ one, report, run }) => caseDetails(one, report, { run, open, several }));
}

/** Cases that are no findings: those stand above. */
function cases(reports: readonly Report[], several: boolean): Html[] {
  const groups = [...new Set(reports.flatMap(({ cases }) => cases.map(({ group }) => group)))];
  return groups.map((group) => {
    const rest = reports.flatMap((report, run) =>
      report.cases.filter((one) => one.group === group && !isBad(one))
        .map((one) => caseDetails(one, report, { run, open: false, several }))
    );
    return rest.length === 0
      ? html``
      : html`<section class="group" aria-label="Cases of ${group}" data-group>
<h3>${group}</h3>${rest}</section>`;
  });
}

/** Every stream that was measured, drawn on one scale, with how late its events came. */
function streams(reports: readonly Report[], several: boolean): Html[] {
  const all = reports.flatMap(({ cases, target }, run) =>
    cases.flatMap((one) =>
      one.timeline && one.timeline.received.length > 1
        ? [{ one, run, timeline: one.timeline, name: target.name }]
        : []
    )
  );
  return all.map(({ one, run, timeline, name }) => {
    const lanes = streamLanes(timeline);
    const delays = delaysOf(timeline);
    return html`<li data-case="${one.id}" data-bad="${isBad(one) ? 1 : 0}">
<p><a href="#${
      anchorOf(one, run)
    }"><code>${one.id}</code></a> <span class="soft">${timeline.protocol}${
      several ? `, ${name}` : ""
    }</span></p>
${drawLanes(element, lanes, { from: 0, to: spanOf(lanes) })}
<p class="delay">${
      delays === undefined
        ? html`<span class="soft">${timeline.received.length} events</span>`
        : html`
          <b>${sayMs(delays.median)}</b> <span
            class="soft">late at the median, ${sayMs(delays.most)} at most, ${delays
              .events} events</span>
        `
    }</p></li>`;
  });
}

/** The cases on which several runs differ, side by side. */
function differences(reports: readonly Report[]): Html {
  const ids = [...new Set(reports.flatMap(({ cases }) => cases.map(({ id }) => id)))];
  const rows = ids.flatMap((id) => {
    const found = reports.map(({ cases }) => cases.find((one) => one.id === id));
    if (new Set(found.map((one) => one?.status)).size < 2) return [];
    const first = found.find((one) => one !== undefined);
    return [html`
      <tr data-case="${id}"
        data-bad="1"><th scope="row"><code>${id}</code><br><span class="soft">${first
          ?.requirement ?? ""}</span></th>${found.map((one, run) =>
            one === undefined
              ? html`<td class="soft">not in this run</td>`
              : html`<td><a href="#${anchorOf(one, run)}">${statusPill(one)}</a>${
                one.reason ? html`<br><span class="soft">${one.reason}</span>` : ""
              }</td>`
          )}</tr>
    `];
  });
  return html`<h2 id="differences">Differences <span class="soft">${rows.length}</span></h2>
${
    rows.length === 0 ? html`<p class="soft">No case differs.</p>` : html`
      <div class="scroll" role="region" aria-label="Differences" tabindex="0">
        <table class="sides">
          <thead>
            <tr><th scope="col">case</th>${reports.map(({ target }) =>
              html`<th scope="col">${target.name}</th>`
            )}</tr>
          </thead>
          <tbody>${rows}</tbody>
        </table>
      </div>
    `
  }`;
}

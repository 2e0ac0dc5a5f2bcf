/** One case on the report's page: the requirement, what differs first, the checks, the fix, and what each witness saw. */
import { drawLanes, type LaneDrawn, sayMs } from "../../../view/mod.ts";
import { cutDifference, delaysOf, type FirstDifference, firstDifference } from "../difference.ts";
import type { Report, ReportCase } from "../report.ts";
import { element, type Html, html } from "./markup.ts";

/** The witnesses, in the order of a request's way. */
const WITNESSES = ["client", "envoy", "policy", "upstream"] as const;

/** Words and colours of each status. */
export const STATUSES = {
  fail: { word: "failed", tone: "fail" },
  warn: { word: "warned", tone: "warn" },
  "not-measured": { word: "not measured", tone: "" },
  pass: { word: "passed", tone: "pass" },
  skip: { word: "skipped", tone: "" },
  unsupported: { word: "unsupported", tone: "" },
} as const satisfies Record<ReportCase["status"], { word: string; tone: string }>;

/** Whether a case is something to look at. */
export function isBad(one: ReportCase): boolean {
  return one.status === "fail" || one.status === "warn" ||
    (one.status === "not-measured" && one.checks.length > 0);
}

/** The id of a case's element; a page may hold several runs. */
export function anchorOf(one: Pick<ReportCase, "id">, run: number): string {
  return `${one.id.replace(/[^a-z0-9]+/g, "-")}-${run}`;
}

/** Returns a status in words. */
export function statusPill(one: Pick<ReportCase, "status" | "known_failure">): Html {
  const { word, tone } = STATUSES[one.status];
  return html`<span class="pill ${tone}">${word}${one.known_failure ? " (known)" : ""}</span>`;
}

/** Returns a case, closed unless it is to be open. */
export function caseDetails(
  one: ReportCase,
  report: Report,
  { run, open, several }: { run: number; open: boolean; several: boolean },
): Html {
  const difference = firstDifference(one.trace ?? []);
  const bad = isBad(one);
  const name = several ? `${one.id}, run ${run + 1}` : one.id;
  return html`
    <details class="case" id="${anchorOf(one, run)}" data-case="${one.id}" data-bad="${bad
      ? 1
      : 0}" ${open
      ? html`
        open
      `
      : ""}>
      <summary>${statusPill(one)} <code class="id">${one.id}</code> <span class="says">${one
        .requirement}</span>${several
        ? html`
          <span class="soft">on ${report.target.name}</span>
        `
        : ""}<span class="time soft">${one.duration_ms > 0
        ? sayMs(one.duration_ms)
        : ""}</span></summary>
      <div class="body">
    ${reasonOf(one, bad)}
    ${difference ? html`<p class="first"><b>First difference:</b> ${difference.says}.</p>` : ""}
    ${checkTable(one, bad, name)}
    ${lintFix(one)}
    ${one.known_issue ? html`<p><b>Known issue:</b> ${one.known_issue}</p>` : ""}
    ${one.known_failure ? html`<p><b>Known failure:</b> ${one.known_failure}</p>` : ""}
    ${one.timeline && one.timeline.received.length > 1 ? streamOf(one) : ""}
    ${traceTable(one, difference, name)}
    <dl class="facts"><dt>level</dt><dd>${one.level}</dd><dt>source</dt><dd>${one
      .source}</dd><dt>heard</dt><dd>${one.witnesses.join(", ") || "nobody"}</dd></dl>
    ${commands(one)}
      </div>
    </details>
  `;
}

/** The reason, unless it only names the checks that stand below it. */
function reasonOf({ reason, checks }: ReportCase, bad: boolean): Html | "" {
  const names = checks.filter(({ ok }) => !ok).map(({ name }) => name.replace(/^\w+: /, ""));
  const isSaid = reason.split(", ").every((part) => names.includes(part));
  if (reason === "" || (isSaid && bad)) return "";
  return html`<p class="reason">${reason}</p>`;
}

/** Text whose words in backquotes are code. */
function inCode(text: string): Html {
  return html`${
    text.split(/`([^`]+)`/).map((part, at) => at % 2 === 1 ? html`<code>${part}</code>` : part)
  }`;
}

/** A line of a trace; of Envoy's log what decides, since the whole of it would hide that. */
function sayLine(text: string): string {
  if (!text.startsWith("logs {")) return text;
  try {
    const { status, codeDetails, flags, durationMs, upstreamHost } = JSON.parse(text.slice(5));
    return [
      `logs status ${status ?? 0}`,
      codeDetails,
      ...(flags === undefined || flags === "-" ? [] : [`flags ${flags}`]),
      ...(upstreamHost === undefined ? [] : [`upstream ${upstreamHost}`]),
      ...(durationMs === undefined ? [] : [`${durationMs} ms`]),
    ].filter((part) => part !== undefined).join(", ");
  } catch {
    return text;
  }
}

function commands(one: ReportCase): Html | "" {
  const lines = [one.reproduce, one.curl].filter((line) => line !== undefined);
  return lines.length === 0 ? "" : html`<pre class="command">${lines.join("\n")}</pre>`;
}

function checkTable(one: ReportCase, bad: boolean, of: string): Html | "" {
  const shown = bad ? one.checks.filter(({ ok }) => !ok) : one.checks;
  if (shown.length === 0) return "";
  return html`
    <div class="scroll" role="region" aria-label="Checks of ${of}" tabindex="0">
      <table class="checks">
        <thead>
          <tr>
            <th scope="col">check</th>
            <th scope="col">expected</th>
            <th scope="col">observed</th>
          </tr>
        </thead>
        <tbody>${shown.map(({ name, expected, observed, ok }) => {
          const [want, have] = cutDifference(show(expected), show(observed));
          const mark = ({ before, differs, after }: typeof want) =>
            differs === ""
              ? html`${before}${after}`
              : html`${before}<mark>${differs}</mark>${after}`;
          return html`
            <tr>
              <th scope="row">${name}</th>
              <td><code>${ok ? show(expected) : mark(want)}</code></td>
              <td><code>${ok ? show(observed) : mark(have)}</code></td>
            </tr>
          `;
        })}</tbody>
      </table>
    </div>
  `;
}

function show(value: unknown): string {
  return value === undefined || value === null ? "nothing" : JSON.stringify(value);
}

function lintFix({ lint = [] }: ReportCase): Html | "" {
  if (lint.length === 0) return "";
  return html`
    <ul class="fixes">${lint.map(({ rule, fix, found, place }) =>
      html`
        <li class="fix">
          ${found ? html`<p><b>Cause:</b> ${found}.</p>` : ""}
          <p><b>Fix:</b> ${inCode(fix)}.</p>
          <p class="soft">Lint rule <code>${rule}</code>${place ? html`, ${place}` : ""}</p>
        </li>
      `
    )}</ul>
  `;
}

/** Lanes of a stream: when the upstream sent each event, and when the client had it. */
export function streamLanes(timeline: NonNullable<ReportCase["timeline"]>): LaneDrawn[] {
  const { sent, received } = timeline;
  return [
    ...(sent.length > 0
      ? [{ name: "sent", from: sent[0] ?? 0, to: sent.at(-1), marks: sent }]
      : []),
    { name: "received", from: received[0] ?? 0, to: received.at(-1), marks: received },
  ];
}

/** How late the events of a stream came, in words. */
export function sayDelays(timeline: NonNullable<ReportCase["timeline"]>): string {
  const delays = delaysOf(timeline);
  if (delays === undefined) return `${timeline.received.length} events`;
  const { events, median, most } = delays;
  return `${events} events, ${sayMs(median)} late at the median, ${sayMs(most)} at most`;
}

function streamOf({ timeline }: ReportCase): Html | "" {
  if (timeline === undefined) return "";
  return html`<figure class="stream">${drawLanes(element, streamLanes(timeline))}
<figcaption class="soft">${sayDelays(timeline)}, over ${timeline.protocol}</figcaption></figure>`;
}

/** A line of a trace, and how often it came in a row. */
interface Repeated {
  readonly line: NonNullable<ReportCase["trace"]>[number];
  readonly times: number;
  readonly isMarked: boolean;
}

/** Lines that say the same in a row are one; a marked one stands alone. */
function folded(trace: NonNullable<ReportCase["trace"]>, marked: readonly number[]): Repeated[] {
  const rows: Repeated[] = [];
  for (const [index, line] of trace.entries()) {
    const last = rows.at(-1);
    const isMarked = marked.includes(index);
    const isSame = last !== undefined && !isMarked && !last.isMarked &&
      last.line.witness === line.witness && bare(last.line.text) === bare(line.text);
    if (isSame) rows[rows.length - 1] = { ...last, times: last.times + 1 };
    else rows.push({ line, times: 1, isMarked });
  }
  return rows;
}

/** The text without the numbers that only count. */
function bare(text: string): string {
  return text.replace(/^#\d+ /, "").replace(/(event|connection) \d+/g, "$1");
}

/** Writes the records of the witnesses side by side: a line per moment, a column per witness. */
function traceTable(
  { trace = [] }: ReportCase,
  difference: FirstDifference | undefined,
  of: string,
): Html | "" {
  if (trace.length === 0) return "";
  const heard = WITNESSES.filter((name) => trace.some(({ witness }) => witness === name));
  return html`
    <div class="scroll" role="region" aria-label="Trace of ${of}" tabindex="0">
      <table class="trace">
        <thead>
          <tr><th scope="col" class="n">ms</th>${heard.map((name) =>
            html`<th scope="col"><span class="who ${name}">${name}</span></th>`
          )}</tr>
        </thead>
        <tbody>${folded(trace, difference?.lines ?? []).map(({ line, times, isMarked }) =>
          html`<tr class="${isMarked ? "marked" : "plain"}"><td class="n soft">${
            line.t.toFixed(2)
          }</td>${
            heard.map((name) =>
              name !== line.witness
                ? html`<td></td>`
                : html`<td>${
                  isMarked ? html`<mark>${sayLine(line.text)}</mark>` : sayLine(line.text)
                }${
                  times > 1
                    ? html`
                      <span class="soft">× ${times}</span>
                    `
                    : ""
                }</td>`
            )
          }</tr>`
        )}</tbody>
      </table>
    </div>
  `;
}

/** One request: who did what when, where the time went, the decision and why, headers, content, and what to do with it. */
import { signal } from "@preact/signals";
import { h, type VNode } from "preact";
import { html } from "./html.ts";
import { call, messageOf } from "./api.ts";
import { choose, chosen, detail, pin, pinned, state } from "./model.ts";
import { Block, copy, isOver, Pill, say, toneOf, wordOf } from "./ui.ts";
import { type Create, drawLanes, sayMs, spanOf, type Window } from "../../view/mod.ts";
import type { ConsoleDetail, DecisionShown, HeaderSeen, Stretch, TapShown } from "../request.ts";

export function DetailPane() {
  const one = detail.value;
  if (chosen.value === "") {
    return html`
      <div class="empty">
        <p>No request is open.</p>
        <p class="soft"><kbd>j</kbd> <kbd>k</kbd> move, <kbd>Enter</kbd> opens,
          <kbd>/</kbd> filters, <kbd>?</kbd> lists every key.</p>
      </div>
    `;
  }
  if (one === undefined || one.id !== chosen.value) {
    return html`
      <div class="empty">
        <p class="soft">Nothing is known of this request any more.</p>
      </div>
    `;
  }
  return html`
    <${Head} one=${one} />
    <${Times} key=${one.id} one=${one} />
    ${one.stretches.length > 0 && html`<${Stretches} stretches=${one.stretches} />`}
    <${Decision} one=${one} />
    ${one.tap !== null && html`<${Content} tap=${one.tap} />`}
    <${Headers} headers=${one.headers} />
    <${Facts} one=${one} />
    <${Again} one=${one} />
  `;
}

function Head({ one }: { one: ConsoleDetail }) {
  const isPinned = pinned.value.has(one.id);
  const tokens = one.tokens === null ? [] : [`${one.tokens.input} + ${one.tokens.output} tokens`];
  const facts = [
    one.model,
    one.tenant === "" ? "" : `tenant ${one.tenant}`,
    one.total_ms === null ? isOver(one) ? "" : "running" : sayMs(one.total_ms),
    one.events === 0 ? "" : `${one.events} events`,
    one.events_per_second === null ? "" : `${one.events_per_second} events/s`,
    ...tokens,
  ].filter((fact) => fact !== "");
  return html`
    <header class="detail-head">
      <div class="row">
        <a class="back" href="#/requests">Back to the list</a>
        <${Pill} tone=${toneOf(one)}>${wordOf(one)}<//>
        ${one.ended !== "" && one.state === "done" && html`<${Pill} tone="fail">${one.ended}<//>`}
        <span class="spacer"></span>
        <button aria-pressed=${isPinned} onClick=${() => pin(one.id)}>Pin</button>
        <button onClick=${() => choose("")}>Close</button>
      </div>
      <h2 class="request-title"><span class="method">${one.method}</span> ${one.path}</h2>
      <p class="soft">${facts.join(" · ")}${state.value?.has.traces &&
        html`
          ${" · "}<a href=${`#/traces/of/${encodeURIComponent(one.id)}`}>trace</a>
        `}</p>
      ${one.replay_of !== "" && html`<p class="soft">Sent again from
        <a href=${`#/requests/${encodeURIComponent(one.replay_of)}`}>${one.replay_of}</a></p>`}
    </header>
  `;
}

const view = signal<{ id: string; window: Window } | undefined>(undefined);

/** Shows a part of the time: a factor below 1 looks closer, `by` moves by parts of what is seen. */
function look(one: ConsoleDetail, { factor = 1, by = 0 }: { factor?: number; by?: number }): void {
  const whole = spanOf(one.lanes);
  const now = view.value?.id === one.id ? view.value.window : { from: 0, to: whole };
  const width = Math.min(whole, Math.max(whole / 1_000, (now.to - now.from) * factor));
  const middle = (now.from + now.to) / 2 + by * (now.to - now.from);
  const from = Math.min(Math.max(0, middle - width / 2), whole - width);
  view.value = { id: one.id, window: { from, to: from + width } };
}

function Times({ one }: { one: ConsoleDetail }) {
  const whole = spanOf(one.lanes);
  const window = view.value?.id === one.id ? view.value.window : { from: 0, to: whole };
  const isWhole = window.from === 0 && window.to === whole;
  const button = (label: string, sign: string, change: { factor?: number; by?: number }) =>
    html`
      <button class="icon" aria-label=${label} title=${label}
        onClick=${() => look(one, change)}>${sign}</button>
    `;
  return html`
    <${Block} title="Who did what when" aside=${html`<span class="row tight">
      ${button("Earlier", "←", { by: -.5 })}${button("Later", "→", { by: .5 })}
      ${button("Closer", "+", { factor: .5 })}${button("Further", "−", { factor: 2 })}
      <button disabled=${isWhole} onClick=${() => view.value = undefined}>Whole</button></span>`}>
      ${drawLanes(h as Create<VNode>, one.lanes, window)}
      <p class="note">${sayLanes(one)}</p>
    <//>
  `;
}

function sayLanes({ lanes }: ConsoleDetail): string {
  return lanes.filter(({ says }) => says !== undefined && says !== "")
    .map(({ name, says }) => `${name}: ${says}`).join(" · ");
}

const STRETCH_COLOURS: Readonly<Record<string, string>> = {
  "to policy": "c-envoy",
  "policy": "c-policy",
  "to upstream": "c-envoy",
  "model": "c-upstream",
  "first byte": "c-envoy",
  "answer": "c-client",
};

function Stretches({ stretches }: { stretches: readonly Stretch[] }) {
  const total = stretches.reduce((sum, { ms }) => sum + ms, 0) || 1;
  let at = 0;
  const bars = stretches.map(({ name, ms }) => {
    const x = at;
    at += ms / total * 1_000;
    return html`
      <rect class=${STRETCH_COLOURS[name] ?? "c-other"} x=${x} y="0"
        width=${Math.max(2, ms / total * 1_000 - 2)} height="14" rx="2">
        <title>${name}</title>
      </rect>
    `;
  });
  return html`
    <${Block} title="Where the milliseconds went">
      <svg class="stack" viewBox="0 0 1000 14" preserveAspectRatio="none"
        aria-hidden="true">${bars}</svg>
      <table class="stretches">
        <thead class="hide">
          <tr>
            <th scope="col">stretch</th>
            <th scope="col">time</th>
            <th scope="col">share</th>
            <th scope="col">meaning</th>
          </tr>
        </thead>
        <tbody>${stretches.map(({ name, ms, says }) =>
          html`
            <tr>
              <th scope="row"><svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><rect
                    class=${STRETCH_COLOURS[name] ??
                      "c-other"} width="10" height="10" rx="2" /></svg>${name}</th>
              <td class="n">${sayMs(ms)}</td>
              <td class="n soft">${Math.round(ms / total * 100)} %</td>
              <td class="soft">${says}</td>
            </tr>
          `
        )}</tbody>
      </table>
      <//>
  `;
}

function Decision({ one }: { one: ConsoleDetail }) {
  const { explained } = one;
  const isGood = one.decision === "allow" || one.decision === "open";
  const verdict = html`
    <${Pill} tone=${isGood ? "pass" : one.decision === "deny" ? "warn" : "fail"}
    >${one.decision || "deciding"}<//>
  `;
  if (explained === null) {
    return html`
      <${Block} title="Decision">
        <p class="sentence">${verdict} ${one.reason}</p>
        <p class="note">The policy stub did not see this request, so its rules cannot say why.</p>
        <//>
    `;
  }
  return html`
    <${Block} title="Decision">
      <p class="sentence">${verdict} ${explained.says}.</p>
      ${one.rules_changed && html`<p class="warning">The rules have changed since: today they would
        say ${explained.decision} (${explained.rule}), then it was ${one.decision} (${one.reason}).</p>`}
      <${RuleTable} explained=${explained} />
    <//>
  `;
}

/** The rules beside a request: which hold, and which condition does not. */
export function RuleTable({ explained }: { explained: DecisionShown }) {
  return html`
    <details class="fold">
      <summary>${explained.rules.length} rules, one by one</summary>
      <ol class="rules">${explained.rules.map((rule, at) =>
        html`
          <li class=${at + 1 === explained.position ? "decides" : ""}>
            <p><span class="soft">${at + 1}.</span> <b>${rule.name}</b> ${rule.decision}${" "}
              <span class="soft">${at + 1 === explained.position
                ? "decides"
                : rule.holds
                ? "holds, but comes later"
                : "does not hold"}</span></p>
            <ul>${rule.conditions.map((one) =>
              html`
                <li
                  class=${one.holds ? "holds" : "fails"}><span aria-hidden="true">${one.holds
                    ? "✓"
                    : "✗"}</span> <span class="hide">${one.holds
                    ? "holds:"
                    : "does not hold:"}</span>
                            ${one.what}: wanted ${one.wanted}, seen ${one.seen ?? "nothing"}</li>
              `
            )}</ul>
          </li>
        `
      )}</ol>
    </details>
  `;
}

function Content({ tap }: { tap: TapShown }) {
  return html`
    <${Block} title="Content">
      ${tap.left_out > 0 && html`<p class="warning">${tap.left_out} bytes were not kept.</p>`}
      <div class="columns">
        <div><h3>Said</h3><pre class="said" role="region" tabindex="0" aria-label="The answer's text">${tap
          .said || "nothing yet"}</pre>
          ${tap.calls.map(({ name, arguments: given }) =>
            html`
              <details class="fold">
                <summary>calls ${name}</summary>
                <pre role="region" tabindex="0" aria-label="Arguments of the call">${given}</pre>
              </details>
            `
          )}</div>
        <div><h3>Events</h3><div class="events" tabindex="0" role="region"
          aria-label="The answer's events">${tap.answer.slice(-500).map(({ at, text }) =>
            html`<div class="event"><span class="soft n">${
              sayMs(at)
            }</span><pre>${text}</pre></div>`
          )}</div></div>
      </div>
      <details class="fold"><summary>The request's body</summary><pre role="region" tabindex="0" aria-label="The request's body">${pretty(
        tap.request,
      )}</pre></details>
    <//>
  `;
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function Headers({ headers }: { headers: readonly HeaderSeen[] }) {
  if (headers.length === 0) return null;
  const isBoth = headers.some(({ upstream }) => upstream !== null);
  return html`
    <${Block} title="Request headers">
      <div class="scroll" tabindex="0" role="region"
        aria-label="Request headers, as each witness has them">
        <table class="headers">
          <thead>
            <tr><th scope="col">name</th><th scope="col">policy was shown</th>
          ${isBoth && html`<th scope="col">upstream got</th>`}</tr>
          </thead>
          <tbody>${headers.map(({ name, policy, upstream }) =>
            html`<tr class=${
              isBoth && policy !== upstream ? "differs" : ""
            }><th scope="row">${name}</th>
        <td>${policy ?? html`<span class="soft">not there</span>`}</td>
        ${isBoth && html`<td>${upstream ?? html`<span class="soft">not there</span>`}</td>`}</tr>`
          )}</tbody>
        </table>
      </div>
      <//>
  `;
}

function Facts({ one }: { one: ConsoleDetail }) {
  return html`
    <${Block} title="Facts">
      <dl class="facts">${one.facts.map(([name, value]) =>
        html`
          <dt>${name}</dt>
          <dd>${value}</dd>
        `
      )}</dl>
      <//>
  `;
}

const EXPORTS = [["scenario", "Scenario"], ["recording", "Recording"], ["case", "Case"]] as const;

/** Copies a request as a text of a kind. */
async function keep(id: string, kind: string, title: string): Promise<void> {
  try {
    await copy(await call("GET", `/requests/${encodeURIComponent(id)}/export/${kind}`), title);
  } catch (error) {
    say(messageOf(error));
  }
}

/** Sends a request again, and opens the new one. */
export async function sendAgain(id: string): Promise<void> {
  try {
    const { id: next } = await call<{ id: string }>(
      "POST",
      `/requests/${encodeURIComponent(id)}/replay`,
    );
    say("Sent again");
    choose(next);
  } catch (error) {
    say(messageOf(error));
  }
}

function Again({ one }: { one: ConsoleDetail }) {
  return html`
    <${Block} title="Do it again">
      <div class="row">
        <button onClick=${() => copy(one.curl, "curl line")}>Copy as curl</button>
        <button onClick=${() => sendAgain(one.id)}>Send again</button>
        ${EXPORTS.map(([kind, title]) =>
          html`<button onClick=${() =>
            keep(one.id, kind, title)}>Copy as ${title.toLowerCase()}</button>`
        )}
      </div>
      <pre class="curl" role="region" tabindex="0" aria-label="curl line">${one.curl}</pre>
      <//>
  `;
}

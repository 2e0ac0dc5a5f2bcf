/** The page of requests: the list as it grows, and one of them. */
import { html } from "./html.ts";
import { chosen, dropped, filter, paused, requests, resume, shown, state } from "./model.ts";
import type { ConsoleRequest, Lane } from "../request.ts";

const COLUMNS = ["time", "request", "model", "tenant", "state", "why"];
const NUMBERS = ["status", "first ms", "total ms", "events"];

export function RequestsPage() {
  return html`
    <main>
      <section class="list" aria-label="Requests">
          <div class="row">
            <input id="filter" type="search" aria-label="Filter" placeholder="status:>=400 tenant:a model:gpt*"
              value=${filter.value}
              onInput=${(event: InputEvent) =>
                filter.value = (event.target as HTMLInputElement).value} />
            <button id="pause" aria-pressed=${paused.value}
              onClick=${() => paused.value ? resume() : paused.value = true}>
              ${paused.value ? "Go on" : "Pause"}</button>
          </div>
          ${dropped.value > 0 &&
            html`<p class="bad">${dropped.value} requests are not shown: there were too many.</p>`}
          <table>
            <thead><tr>
              ${COLUMNS.map((name) => html`<th scope="col">${name}</th>`)}
              ${NUMBERS.map((name) => html`<th scope="col" class="n">${name}</th>`)}
            </tr></thead>
            <tbody>${shown.value.map((one) => html`<${Row} key=${one.id} one=${one} />`)}</tbody>
          </table>
          ${shown.value.length === 0 &&
            html`<p class="note">No request yet${
              filter.value === "" ? "" : " that fits the filter"
            }.</p>`}
        </section>
      <section aria-label="Request">
        <${Details} />
      </section>
    </main>
  `;
}

function tone(one: ConsoleRequest): string {
  if (one.state === "streaming" || one.state === "waiting") return "wait";
  return one.status >= 400 || one.state === "denied" ? "bad" : "good";
}

function Row({ one }: { one: ConsoleRequest }) {
  const choose = () => chosen.value = one.id;
  return html`
    <tr tabindex="0" data-id=${one.id} aria-selected=${chosen.value === one.id} onClick=${choose}
      onKeyDown=${(event: KeyboardEvent) => event.key === "Enter" && choose()}>
      <td>${one.time.slice(11, 23)}</td>
      <td title=${one.path}>${one.method} ${one.path}</td>
      <td>${one.model}</td>
      <td>${one.tenant}</td>
      <td class=${tone(one)}>${one.state}</td>
      <td>${one.reason}</td>
      <td class="n">${one.status || ""}</td>
      <td class="n">${one.first_byte_ms ?? ""}</td>
      <td class="n">${one.total_ms ?? ""}</td>
      <td class="n">${one.events || ""}</td>
    </tr>
  `;
}

function Details() {
  const one = chosen.value === undefined ? undefined : requests.value.get(chosen.value);
  if (one === undefined) {
    return html`
      <h2>Request</h2>
      <p class="note">Choose one: j and k move, Enter opens, / filters.</p>
    `;
  }
  const curl = `curl -iN ${
    state.value?.ingress ?? ""
  }${one.path} -H 'x-request-id: again-${one.id}' -H 'x-api-key: …'`;
  const rows: [string, string | number | null][] = [
    ["id", one.id],
    ["state", one.state],
    ["decision", `${one.decision} ${one.reason === "" ? "" : `because of ${one.reason}`}`],
    ["tenant", one.tenant],
    ["model", one.model],
    ["status", one.status || null],
    ["first byte", one.first_byte_ms === null ? null : `${one.first_byte_ms} ms`],
    ["total", one.total_ms === null ? null : `${one.total_ms} ms`],
    ["bytes", one.bytes],
    ["events", one.events],
    ["flags", one.flags === "-" ? null : one.flags],
  ];
  return html`
    <h2>${one.method} ${one.path}</h2>
    <${Lanes} one=${one} />
    <dl>${rows.filter(([, value]) => value !== null && value !== "").map(([name, value]) =>
      html`
        <dt>${name}</dt>
        <dd>${value}</dd>
      `
    )}</dl>
    <div class="row"><button onClick=${() =>
      navigator.clipboard.writeText(curl)}>Copy as curl</button></div>
    <pre>${curl}</pre>
  `;
}

function Lanes({ one }: { one: ConsoleRequest }) {
  const { policy, upstream } = one.lanes;
  const lanes = [["policy", policy], ["upstream", upstream]] as [string, Lane | undefined][];
  const known = lanes.filter((entry): entry is [string, Lane] => entry[1] !== undefined);
  if (known.length === 0) return html`<p class="note">No part of ours saw this request.</p>`;
  const ends = known.flatMap(([, { from, to, marks = [] }]) => [from, to ?? from, ...marks]);
  const span = Math.max(1, ...ends);
  const x = (time: number) => 90 + time / span * 890;
  const label = `${upstream?.marks?.length ?? 0} events over ${Math.round(span)} milliseconds`;
  return html`<svg viewBox="0 0 1000 100" role="img" aria-label=${label}>
    ${
    known.map(([name, { from, to, marks = [] }], at) =>
      html`<g>
        <text x="0" y=${26 + at * 32}>${name}</text>
        <rect class=${name} x=${x(from)} y=${14 + at * 32} height="16"
          width=${Math.max(2, x(to ?? span) - x(from))}><title>${name}: ${
        Math.round((to ?? span) - from)
      } ms</title></rect>
        ${
        marks.map((mark) =>
          html`<line x1=${x(mark)} x2=${x(mark)} y1=${12 + at * 32} y2=${32 + at * 32} />`
        )
      }
      </g>`
    )
  }
    <text x="90" y="92">0 ms</text><text x="980" y="92" text-anchor="end">${
    Math.round(span)
  } ms</text>
  </svg>`;
}

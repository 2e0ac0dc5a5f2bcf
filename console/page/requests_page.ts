/** The page of requests: the list as it grows, and the one that is open beside it. */
import { Component } from "preact";
import { html } from "./html.ts";
import { DetailPane } from "./detail_pane.ts";
import {
  choose,
  chosen,
  drawn,
  dropped,
  filter,
  filterText,
  held,
  pause,
  paused,
  pinned,
  requests,
  shown,
} from "./model.ts";
import { clockOf, isOver, Pill, toneOf, wordOf } from "./ui.ts";
import { sayMs } from "../../view/mod.ts";
import type { ConsoleRequest } from "../request.ts";

/** Rows that a press shows more. */
const MORE = 150;

export function RequestsPage() {
  const isOpen = chosen.value !== "";
  return html`
    <main id="main" class=${isOpen ? "split open" : "split"}>
      <h1 class="hide">Requests</h1>
      <section class="list" aria-label="Requests">
        <${Bar} />
        <${Rows} />
      </section>
      <section class="detail" aria-label="Request">
        <${DetailPane} />
      </section>
    </main>
  `;
}

function Bar() {
  const { problem } = filter.value;
  return html`
    <div class="bar">
      <input id="filter" type="search" aria-label="Filter" aria-describedby="filter-note"
        placeholder="Filter: status:>=400 tenant:a model:gpt*" autocomplete="off" spellcheck=${false}
        aria-invalid=${problem === "" ? undefined : "true"} value=${filterText.value}
        onInput=${(event: InputEvent) =>
          filterText.value = (event.target as HTMLInputElement).value} />
      <button id="pause" aria-pressed=${paused.value} onClick=${() => pause()}>
        ${paused.value ? `Go on${held.value > 0 ? ` (${held.value})` : ""}` : "Pause"}</button>
    </div>
    <p id="filter-note" class=${problem === "" ? "note" : "note bad"}>
      ${problem === "" ? `${shown.value.length} of ${requests.value.size} requests` : problem}</p>
    ${dropped.value > 0 && html`<p class="warning" role="status">${dropped.value} changes
      were dropped before this page had them: there were too many.
      <button class="plain" onClick=${() => dropped.value = 0}>Understood</button></p>`}
  `;
}

function Rows() {
  const all = shown.value;
  if (all.length === 0) {
    return html`
      <div class="empty">
        <p>${requests.value.size === 0 ? "No request yet." : "No request fits the filter."}</p>
        <p class="soft">${requests.value.size === 0
          ? "Send one through the gateway, or from the playground (g p)."
          : "Escape clears it."}</p>
      </div>
    `;
  }
  const rows = all.slice(0, drawn.value);
  return html`
    <table class="rows">
      <thead>
        <tr>
          <th scope="col">state</th>
          <th scope="col">request</th>
          <th scope="col" class="wide">decision</th>
          <th scope="col" class="n wide">first byte</th>
          <th scope="col" class="n">total</th>
          <th scope="col" class="n wide">events</th>
          <th scope="col" class="n">time</th>
        </tr>
      </thead>
      <tbody>${rows.map((one) =>
        html`
          <${Row} key=${one.id} one=${one} isChosen=${one.id === chosen.value}
            isPinned=${pinned.value.has(one.id)} />
        `
      )}</tbody>
    </table>
    ${all.length > rows.length && html`
      <button class="more"
        onClick=${() => drawn.value += MORE}>Show ${Math.min(
          MORE,
          all.length - rows.length,
        )} more of
            ${all.length - rows.length}</button>
    `}
  `;
}

interface RowProps {
  readonly one: ConsoleRequest;
  readonly isChosen: boolean;
  readonly isPinned: boolean;
}

class Row extends Component<RowProps> {
  // A row is drawn again only when its request changed.
  override shouldComponentUpdate(next: RowProps): boolean {
    return next.one !== this.props.one || next.isChosen !== this.props.isChosen ||
      next.isPinned !== this.props.isPinned;
  }

  override render({ one, isChosen, isPinned }: RowProps) {
    const open = () => choose(one.id);
    const rate = one.events_per_second === null ? "" : `${one.events_per_second}/s`;
    const second = [
      one.state === "denied" ? one.reason : one.ended,
      ...[one.model, one.tenant, one.host],
    ].filter((part) => part !== "").join(" · ");
    const total = one.total_ms === null ? isOver(one) ? "" : "…" : sayMs(one.total_ms);
    return html`
      <tr tabindex="0" data-id=${one.id} aria-selected=${isChosen} onClick=${open}
        onKeyDown=${(event: KeyboardEvent) => event.key === "Enter" && open()}>
        <td>
          <${Pill} tone=${toneOf(one)}>${wordOf(one)}<//></td>
        <td class="what"><span class="line">${isPinned && html`
          <span class="pin">pinned</span>
        `}
          ${one.replay_of !== "" && html`
            <span class="pin">again</span>
          `}
          <span class="method">${one.method}</span> ${one.path}</span>
          <span class="line soft">${second || "\u00a0"}</span></td>
        <td class="wide"><span class="line">${one.decision}</span>
          <span class="line soft">${one.reason}</span></td>
        <td class="n wide">${one.first_byte_ms === null ? "" : sayMs(one.first_byte_ms)}</td>
        <td class="n">${total}</td>
        <td class="n wide"><span class="line">${one.events || ""}</span>
          <span class="line soft">${rate}</span></td>
        <td class="n soft">${clockOf(one.time)}</td>
      </tr>
    `;
  }
}

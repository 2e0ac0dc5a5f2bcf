/** Entry of the console's page: the frame around the pages, and the keys. */
import { effect } from "@preact/signals";
import { render } from "preact";
import { CheckPage } from "./check_page.ts";
import { ConfigPage, HostsPage } from "./config_page.ts";
import { sendAgain } from "./detail_pane.ts";
import { FaultsPage, setFault } from "./faults_page.ts";
import { html } from "./html.ts";
import { LimitsPage } from "./limits_page.ts";
import {
  choose,
  chosen,
  detail,
  filterText,
  follow,
  goTo,
  helping,
  link,
  pause,
  pin,
  route,
  shown,
  state,
} from "./model.ts";
import { PlaygroundPage } from "./playground_page.ts";
import { RequestsPage } from "./requests_page.ts";
import { TrendsPage } from "./trends_page.ts";
import { RulesPage } from "./rules_page.ts";
import { copy, said } from "./ui.ts";
import { TracesPage } from "./traces_page.ts";
import type { StateShown } from "../shown.ts";

interface Page {
  readonly title: string;
  readonly key: string;
  readonly view: () => unknown;
  /** Whether this gateway has it. */
  readonly isThere?: (state: StateShown) => boolean;
}

const PAGES: Readonly<Record<string, Page>> = {
  requests: { title: "Requests", key: "r", view: RequestsPage },
  rules: { title: "Rules", key: "u", view: RulesPage, isThere: ({ has }) => has.rules },
  faults: { title: "Faults", key: "f", view: FaultsPage },
  playground: { title: "Playground", key: "p", view: PlaygroundPage },
  check: { title: "Check", key: "k", view: CheckPage, isThere: ({ has }) => has.check },
  trends: { title: "Trends", key: "t", view: TrendsPage, isThere: ({ has }) => has.trends },
  hosts: { title: "Hosts", key: "h", view: HostsPage },
  limits: {
    title: "Limits",
    key: "l",
    view: LimitsPage,
    isThere: ({ has }) => has.limits,
  },
  traces: { title: "Traces", key: "e", view: TracesPage, isThere: ({ has }) => has.traces },
  config: { title: "Config", key: "c", view: ConfigPage },
};

const LINKS = { connecting: "connecting", live: "live", lost: "not connected" } as const;

function App() {
  const name = Object.hasOwn(PAGES, route.value.page) ? route.value.page : "requests";
  const now = state.value;
  const pages = Object.entries(PAGES).filter(([, { isThere }]) =>
    now === undefined || isThere === undefined || isThere(now)
  );
  return html`
    <a class="skip" href="#main" onClick=${(event: Event) => {
      event.preventDefault();
      const main = document.getElementById("main");
      main?.setAttribute("tabindex", "-1");
      main?.focus();
    }}>Skip to the content</a>
    <header class="top">
      <span class="brand">llmgate</span>
      <nav aria-label="Pages">${pages.map(([one, { title, key }]) =>
        html`<a href=${`#/${one}`} aria-current=${
          one === name ? "page" : undefined
        } title=${`g ${key}`}>${title}</a>`
      )}</nav>
      <span class="spacer"></span>
      <span class="where soft">${now === undefined ? "" : `${now.profile} · ${now.ingress}`}</span>
      <button class="icon" aria-label="Keys" title="Keys: ?" onClick=${() =>
        helping.value = true}>?</button>
      <span role="status" id="link" class=${`link ${link.value}`}>${LINKS[link.value]}</span>
    </header>
    ${now !== undefined && now.faults.length > 0 &&
      html`<div class="banner" role="alert">${
        now.faults.map((fault) =>
          html`<p><b>Fault on: ${fault.title}.</b> ${fault.effect}${
            fault.tenant === "" ? "" : `, for ${fault.tenant} alone`
          }. <button onClick=${() => void setFault(fault, false)}>Switch off</button></p>`
        )
      }</div>`}
    <${PAGES[name]?.view ?? RequestsPage} />
    <p class="toast" role="status" aria-live="polite">${said.value}</p>
    ${helping.value && html`<${Help} />`}
  `;
}

const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ["/", "filter"],
  ["j k", "move in the list"],
  ["Enter", "open"],
  ["Esc", "leave the field, close the request"],
  ["p", "pin the request, or let it go"],
  ["s", "stop the list, or let it go on"],
  ["c", "copy the request as curl"],
  ["a", "send the request again"],
  ...Object.values(PAGES).map(({ title, key }) => [`g ${key}`, title] as const),
  ["?", "this list"],
];

function Help() {
  const show = (dialog: HTMLDialogElement | null) => {
    if (dialog !== null && !dialog.open) dialog.showModal();
  };
  return html`
    <dialog aria-labelledby="keys" ref=${show} onClose=${() => helping.value = false}>
      <h2 id="keys">Keys</h2>
      <dl class="facts">${KEYS.map(([keys, does]) =>
        html`
          <dt><kbd>${keys}</kbd></dt>
          <dd>${does}</dd>
        `
      )}</dl>
      <form method="dialog"><button class="primary">Close</button></form>
    </dialog>
  `;
}

/** Moves in the list: opens the next request, and puts the focus on its row. */
function move(by: number): void {
  const ids = shown.value.map(({ id }) => id);
  const at = chosen.value === "" ? -1 : ids.indexOf(chosen.value);
  const next = ids[Math.min(ids.length - 1, Math.max(0, at + by))];
  if (next === undefined) return;
  choose(next);
  document.querySelector<HTMLElement>(`tr[data-id="${CSS.escape(next)}"]`)?.focus();
}

const ACTIONS: Readonly<Record<string, () => void>> = {
  j: () => move(1),
  k: () => move(-1),
  p: () => pin(chosen.value),
  s: () => pause(),
  c: () => detail.value && void copy(detail.value.curl, "curl line"),
  a: () => chosen.value !== "" && void sendAgain(chosen.value),
  "?": () => helping.value = true,
  "/": () => document.getElementById("filter")?.focus(),
  Escape: () => choose(""),
};

/** Keys that mean something on the page of requests alone. */
const OF_REQUESTS = new Set(["j", "k", "p", "s", "c", "a", "/", "Escape"]);

let went = false;

addEventListener("keydown", (event) => {
  const target = event.target as HTMLElement;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) {
    if (event.key !== "Escape") return;
    if (target.id === "filter") filterText.value = "";
    return target.blur();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || helping.value) return;
  const page = went && Object.entries(PAGES).find(([, { key }]) => key === event.key);
  went = event.key === "g";
  if (page) {
    goTo(`#/${page[0]}`);
    return;
  }
  const action = Object.hasOwn(ACTIONS, event.key) ? ACTIONS[event.key] : undefined;
  if (action === undefined) return;
  if (OF_REQUESTS.has(event.key) && route.value.page !== "requests") return;
  event.preventDefault();
  action();
});

// On a narrow screen the row of pages is longer than the screen.
effect(() => {
  if (route.value.page === "") return;
  requestAnimationFrame(() =>
    document.querySelector("nav [aria-current]")?.scrollIntoView({
      block: "nearest",
      inline: "center",
    })
  );
});

const root = document.getElementById("app");
if (root !== null) {
  root.textContent = "";
  render(html`<${App} />`, root);
  follow();
}

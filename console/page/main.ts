/** Entry of the console's page. */
import { render } from "preact";
import { html } from "./html.ts";
import { chosen, follow, link, page, shown, state } from "./model.ts";
import { ConfigPage, FaultsPage, PlaygroundPage } from "./other_pages.ts";
import { RequestsPage } from "./requests_page.ts";

const PAGES = {
  requests: { title: "Requests", key: "r", view: RequestsPage },
  playground: { title: "Playground", key: "p", view: PlaygroundPage },
  faults: { title: "Faults", key: "f", view: FaultsPage },
  config: { title: "Config", key: "c", view: ConfigPage },
} as const;

type PageName = keyof typeof PAGES;

function App() {
  const name: PageName = page.value in PAGES ? page.value as PageName : "requests";
  return html`
    <header><h1>llmgate</h1>
      <nav aria-label="Pages">${Object.entries(PAGES).map(([one, { title, key }]) =>
        html`<a href=${`#/${one}`} aria-current=${
          one === name ? "page" : undefined
        } title=${`g ${key}`}>${title}</a>`
      )}</nav>
      <span class="spacer"></span>
      <span>${state.value === undefined
        ? ""
        : `${state.value.profile} at ${state.value.ingress}`}</span>
      <span role="status" class=${link.value}>${link.value}</span></header>
    ${state.value?.faults.policy &&
      html`<p class="banner" role="alert">A fault is on: policy is down.</p>`}
    <${PAGES[name].view} />
  `;
}

/** Moves the choice in the list. */
function move(by: number): void {
  const ids = shown.value.map(({ id }) => id);
  const at = chosen.value === undefined ? -1 : ids.indexOf(chosen.value);
  const next = ids[Math.min(ids.length - 1, Math.max(0, at + by))];
  if (next === undefined) return;
  chosen.value = next;
  document.querySelector<HTMLElement>(`tr[data-id="${CSS.escape(next)}"]`)?.focus();
}

let went = false;

addEventListener("keydown", (event) => {
  const target = event.target as HTMLElement;
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) {
    if (event.key === "Escape") target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const page = went && Object.entries(PAGES).find(([, { key }]) => key === event.key);
  went = event.key === "g";
  if (page) location.hash = `#/${page[0]}`;
  else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "/") {
    event.preventDefault();
    document.getElementById("filter")?.focus();
  }
});

const root = document.getElementById("app");
if (root !== null) {
  root.textContent = "";
  render(html`<${App} />`, root);
  follow();
}

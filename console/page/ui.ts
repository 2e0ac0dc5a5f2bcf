/** Small parts that the pages share. */
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { html } from "./html.ts";
import type { ConsoleRequest } from "../request.ts";

/** A word in a coloured field. */
export function Pill({ tone, children }: { tone: string; children: ComponentChildren }) {
  return html`<span class=${`pill ${tone}`}>${children}</span>`;
}

/** Whether nothing more comes of a request. */
export function isOver({ state }: Pick<ConsoleRequest, "state">): boolean {
  return state === "done" || state === "denied";
}

/** Colour of a request: running, fine, refused, failed. */
export function toneOf(one: ConsoleRequest): string {
  if (isOver(one)) {
    if (one.status >= 500 || one.ended !== "" && one.state === "done" && one.status < 400) {
      return "fail";
    }
    return one.status >= 400 || one.state === "denied" ? "warn" : "pass";
  }
  return "run";
}

/** The word for a request's state: its status once it has one that will stay. */
export function wordOf(one: ConsoleRequest): string {
  return isOver(one) ? String(one.status || "none") : one.state;
}

/** A moment as the clock on the wall has it. */
export function clockOf(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleTimeString("en-GB");
}

/** The last thing that was done, told to who sees and to who listens. */
export const said = signal("");
let unsaid: ReturnType<typeof setTimeout> | undefined;

/** Tells the last thing that was done, for a while. */
export function say(text: string): void {
  said.value = text;
  clearTimeout(unsaid);
  unsaid = setTimeout(() => said.value = "", 4_000);
}

/** Puts a text on the clipboard, and says so. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(`${what} copied`);
  } catch {
    say("The browser does not let this page write to the clipboard");
  }
}

/** A block with a heading. */
export function Block(
  { title, aside, children }: {
    title: string;
    aside?: ComponentChildren;
    children: ComponentChildren;
  },
) {
  return html`
    <section class="block" aria-label=${title}>
      <div class="block-head"><h2>${title}</h2>${aside}</div>
      ${children}
    </section>
  `;
}

/** A page that is one column wide. */
export function Single({ title, children }: { title: string; children: ComponentChildren }) {
  return html`
    <main class="single" id="main">
      <h1 class="page-title">${title}</h1>
      ${children}
    </main>
  `;
}

/** The page that runs the conformance suite: progress while it runs, what did not pass, and the report. */
import { signal } from "@preact/signals";
import { html } from "./html.ts";
import { call, messageOf } from "./api.ts";
import { Block, Pill, say, Single } from "./ui.ts";
import type { CheckState } from "../shown.ts";

const run = signal<CheckState | undefined>(undefined);
const cases = signal("sse.*");
let following = false;

async function follow(): Promise<void> {
  if (following) return;
  following = true;
  try {
    do {
      run.value = await call<CheckState>("GET", "/check");
      await new Promise((resolve) => setTimeout(resolve, 500));
    } while (run.value.state === "running");
  } catch (error) {
    say(messageOf(error));
  }
  following = false;
}

async function start(): Promise<void> {
  try {
    run.value = await call<CheckState>("POST", "/check", { case: cases.value });
    void follow();
  } catch (error) {
    say(messageOf(error));
  }
}

const VERDICTS: Readonly<Record<number, readonly [tone: string, says: string]>> = {
  0: ["pass", "Every MUST that was measured holds."],
  1: ["fail", "A MUST is not met."],
  2: ["warn", "Nothing could be measured."],
  3: ["fail", "It could not be started."],
  4: ["fail", "The run was not whole."],
};

export function CheckPage() {
  if (run.value === undefined) void follow();
  const now = run.value;
  const isRunning = now?.state === "running";
  const [tone, verdict] = VERDICTS[now?.code ?? -1] ?? ["none", ""];
  return html`
    <${Single} title="Check">
      <p class="lead">The conformance suite, against this gateway's configuration on a stack of its own.</p>
      <form class="row" onSubmit=${(event: SubmitEvent) => {
        event.preventDefault();
        void start();
      }}>
        <label class="inline">Cases <input id="cases" value=${cases.value} placeholder="all of them"
          onInput=${(event: InputEvent) =>
            cases.value = (event.target as HTMLInputElement).value} /></label>
        <button class="primary" type="submit" id="run" disabled=${isRunning}>Run</button>
        ${isRunning &&
          html`<button type="button" onClick=${() =>
            void call("DELETE", "/check")}>End it</button>`}
      </form>
      ${now !== undefined && now.state !== "none" && html`
        <${Block} title=${isRunning
          ? "Running"
          : "Ended"} aside=${html`<span class="soft">${now.done} of ${now.total || "…"}</span>`}>
          <progress aria-label="Progress" max=${now.total || 1} value=${now.done}></progress>
          <p class="sentence" role="status">${now.state === "ended" &&
            html`
              <${Pill} tone=${tone}>${now.code === 0 ? "passed" : `exit ${now.code}`}<//>
            `}${now.state === "ended" ? verdict : `${now.passed} passed so far.`}</p>
          ${now.says !== "" && html`<p class="note">${now.says}</p>`}
          ${now.has_report &&
            html`<p><a href="api/v1/check/report" target="_blank" rel="noopener" id="report">Open the report</a></p>`}
        <//>
        ${now.found.length > 0 && html`
          <${Block} title="Did not pass">
            <ul class="changes">${now.found.map(({ id, status, says }) =>
              html`<li><span><${Pill} tone=${
                /fail/i.test(status) ? "fail" : status === "warned" ? "warn" : ""
              }>${status.toLowerCase()}<//> <code>${id}</code></span><span class="soft">${says}</span></li>`
            )}</ul>
            <//>
        `}
      `}
    <//>
  `;
}

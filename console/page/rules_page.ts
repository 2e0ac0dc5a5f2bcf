/** The page of rules: an editor with the reader's errors in place, one request beside them, and what would change. */
import { signal } from "@preact/signals";
import { html } from "./html.ts";
import { call, messageOf } from "./api.ts";
import { RuleTable } from "./detail_pane.ts";
import { requests, state } from "./model.ts";
import { Block, Pill, say, Single } from "./ui.ts";
import type { DecisionShown } from "../request.ts";
import type { RulesProblem, RulesShown } from "../shown.ts";

interface DryRun {
  readonly decisions: number;
  readonly changed: readonly {
    readonly request_id: string;
    readonly method: string;
    readonly path: string;
    readonly before: string;
    readonly after: string;
    readonly says: string;
  }[];
}

const rules = signal<RulesShown | undefined>(undefined);
const failure = signal("");
const draft = signal("");
const problems = signal<readonly RulesProblem[]>([]);
const dry = signal<DryRun | undefined>(undefined);
const asked = signal(
  JSON.stringify(
    { method: "POST", path: "/v1/chat/completions", headers: { "x-api-key": "demo-key" } },
    null,
    2,
  ),
);
const explained = signal<DecisionShown | undefined>(undefined);
const askedProblem = signal("");

async function load(): Promise<void> {
  try {
    rules.value = await call<RulesShown>("GET", "/rules");
    if (draft.value === "") draft.value = rules.value.text;
    await judge();
  } catch (error) {
    failure.value = messageOf(error);
  }
}

let judging: ReturnType<typeof setTimeout> | undefined;

function edit(text: string): void {
  draft.value = text;
  clearTimeout(judging);
  judging = setTimeout(() => void judge(), 250);
}

/** Reads the draft, runs it dry, and asks it about the request. */
async function judge(): Promise<void> {
  const text = draft.value;
  try {
    const read = await call<{ problems: RulesProblem[] }>("POST", "/rules/check", { text });
    problems.value = read.problems;
    if (read.problems.length > 0) return;
    dry.value = await call<DryRun>("POST", "/rules/dry-run", { text });
    await explain();
  } catch (error) {
    say(messageOf(error));
  }
}

async function explain(): Promise<void> {
  askedProblem.value = "";
  try {
    const request = JSON.parse(asked.value);
    explained.value = await call<DecisionShown>("POST", "/rules/explain", {
      text: draft.value,
      request,
    });
  } catch (error) {
    explained.value = undefined;
    askedProblem.value = messageOf(error);
  }
}

async function save(): Promise<void> {
  try {
    const saved = await call<{ version: string; file: string | null }>("PUT", "/rules", {
      text: draft.value,
    });
    say(
      `Rules "${saved.version}" are in force${
        saved.file === null ? "" : `, saved to ${saved.file}`
      }`,
    );
    await load();
  } catch (error) {
    say(messageOf(error));
  }
}

/** Puts a request of the list beside the rules. */
async function pick(id: string): Promise<void> {
  if (id === "") return;
  try {
    const one = await call<
      { method: string; path: string; headers: { name: string; policy: string | null }[] }
    >(
      "GET",
      `/requests/${encodeURIComponent(id)}`,
    );
    const headers = Object.fromEntries(
      one.headers.filter(({ policy }) => policy !== null).map(({ name, policy }) => [name, policy]),
    );
    asked.value = JSON.stringify({ method: one.method, path: one.path, headers }, null, 2);
    await explain();
  } catch (error) {
    say(messageOf(error));
  }
}

export function RulesPage() {
  if (rules.value === undefined && failure.value === "") void load();
  if (rules.value === undefined) {
    return html`
      <${Single} title="Rules">
        <p class="empty">${failure.value || "Reading the rules …"}</p>
        <//>
    `;
  }
  const now = rules.value;
  return html`
    <${Single} title="Rules">
      <p class="lead">${now.file ?? "The bundled rules"} <span class="soft">version ${now
        .version}</span></p>
      <div class="columns wide-left">
        <div>
          <${Editor} />
          <div class="row">
            <button class="primary" disabled=${!now.writable || problems.value.length > 0}
              onClick=${() => void save()}>Save</button>
            <button disabled=${draft.value === now.text} onClick=${() =>
              edit(now.text)}>Undo all</button>
            ${!now.writable &&
              html`<span class="note">Start with <code>--console-write</code> to save.</span>`}
          </div>
        </div>
        <div>
          <${Changes} />
          <${Beside} />
        </div>
      </div>
      <//>
  `;
}

function Editor() {
  const lines = draft.value.split("\n");
  const bad = new Set(problems.value.map(({ line }) => line));
  const numbers = lines.map((_, at) =>
    html`<span class=${bad.has(at + 1) ? "number bad" : "number"}>${at + 1}</span>`
  );
  return html`
    <div class="editor" role="region" aria-label="Editor" tabindex="-1">
      <pre class="numbers" aria-hidden="true">${numbers}</pre>
      <textarea id="rules" aria-label="Rules, YAML" spellcheck=${false} wrap="off" rows=${lines
        .length + 1}
        aria-invalid=${problems.value.length > 0 ? "true" : undefined} aria-describedby="problems"
        value=${draft.value}
        onInput=${(event: InputEvent) =>
          edit((event.target as HTMLTextAreaElement).value)}></textarea>
    </div>
    <ul id="problems" class="problems" aria-live="polite">${problems.value.map((
      { line, column, message },
    ) =>
      html`<li><button class="plain" onClick=${() =>
        jump(line, column)}>line ${line}, column ${column}</button>
        ${message}</li>`
    )}</ul>
  `;
}

/** Puts the cursor where a problem is. */
function jump(line: number, column: number): void {
  const field = document.getElementById("rules") as HTMLTextAreaElement | null;
  if (field === null) return;
  const before = draft.value.split("\n").slice(0, line - 1).reduce(
    (sum, text) => sum + text.length + 1,
    0,
  );
  field.focus();
  field.setSelectionRange(before + column - 1, before + column - 1);
}

function Changes() {
  const run = dry.value;
  const isRead = problems.value.length === 0;
  const count = run?.changed.length ?? 0;
  return html`
    <${Block} title="What would change">
      <p class="sentence" id="dry-run">${!isRead
        ? "The rules cannot be read yet."
        : run === undefined
        ? "…"
        : `${count} of the last ${run.decisions} decisions would change.`}</p>
      ${isRead && count > 0 &&
        html`<ul class="changes">${
          run?.changed.slice(0, 50).map((one) =>
            html`<li><a href=${`#/requests/${
              encodeURIComponent(one.request_id)
            }`}>${one.method} ${one.path}</a>
        <span>${one.before} → <b>${one.after}</b></span><span class="soft">${one.says}</span></li>`
          )
        }</ul>`}
    <//>
  `;
}

function Beside() {
  const one = explained.value;
  const recent = [...requests.value.values()].reverse().slice(0, 50);
  return html`
    <${Block} title="One request">
      <label>Take one of the list
        <select onChange=${(event: Event) => void pick((event.target as HTMLSelectElement).value)}>
          <option value="">…</option>
          ${recent.map((row) =>
            html`<option value=${row.id}>${row.status} ${row.method} ${row.path} ${row.tenant}</option>`
          )}
        </select></label>
      <label>or write it
        <textarea id="asked" class="mono" rows="7" spellcheck=${false} value=${asked.value}
          aria-invalid=${askedProblem.value === "" ? undefined : "true"}
          onInput=${(event: InputEvent) => {
            asked.value = (event.target as HTMLTextAreaElement).value;
            void explain();
          }}></textarea></label>
      ${askedProblem.value !== "" && html`<p class="note bad">${askedProblem.value}</p>`}
      ${one !== undefined && html`
        <p class="sentence">
          <${Pill} tone=${one.decision === "allow" ? "pass" : "warn"}>${one
            .decision}${one.decision === "deny" ? ` ${one.status}` : ""}<//> ${one.says}.</p>
        <${RuleTable} explained=${one} />
      `}
    <//>
  `;
}

/** Whether the gateway has rules to show. */
export function hasRules(): boolean {
  return state.value?.has.rules ?? true;
}

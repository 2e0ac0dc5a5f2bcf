/** The playground: a chat through the gateway, the answer as text beside its raw events, a denial as a client sees it. */
import { signal } from "@preact/signals";
import { html } from "./html.ts";
import { messageOf } from "./api.ts";
import { Block, Pill, Single } from "./ui.ts";

const key = signal("demo-key");
const model = signal("gpt-4o-mini");
const models = signal<readonly string[]>([]);
const question = signal("Say hello to Envoy");
const status = signal<{ code: number; type: string; deny: string; id: string } | undefined>(
  undefined,
);
const said = signal("");
const raw = signal("");
const isRunning = signal(false);
let abort: AbortController | undefined;

/** Sends a request through the gateway. */
function send(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch("api/v1/playground", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ path, key: key.value, ...(body !== undefined && { body }) }),
    ...(signal && { signal }),
  });
}

/** Asks the gateway which models there are. */
async function listModels(): Promise<void> {
  try {
    const { data = [] } = await (await send("/v1/models", undefined)).json();
    models.value = data.map(({ id }: { id: string }) => id);
  } catch {
    models.value = [];
  }
}

async function ask(): Promise<void> {
  abort?.abort();
  abort = new AbortController();
  said.value = "";
  raw.value = "";
  status.value = undefined;
  isRunning.value = true;
  try {
    const response = await send("/v1/chat/completions", {
      model: model.value,
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: "user", content: question.value }],
    }, abort.signal);
    status.value = {
      code: response.status,
      type: response.headers.get("content-type") ?? "",
      deny: response.headers.get("x-llm-deny-code") ?? "",
      id: response.headers.get("x-request-id") ?? "",
    };
    await read(response);
  } catch (error) {
    if (!abort.signal.aborted) raw.value += messageOf(error);
  } finally {
    isRunning.value = false;
  }
}

/** Shows an answer while it comes: every event as it is, and the text that they make. */
async function read(response: Response): Promise<void> {
  const isStream = (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const part = await reader?.read();
    if (part === undefined || part.done) break;
    raw.value += part.value;
    if (!isStream) continue;
    const events = (rest + part.value).split(/\r?\n\r?\n/);
    rest = events.pop() ?? "";
    for (const event of events) said.value += deltaOf(event);
  }
  if (!isStream) said.value = errorOf(raw.value);
}

function deltaOf(event: string): string {
  try {
    const { choices = [] } = JSON.parse(event.replace(/^data: ?/, ""));
    return choices[0]?.delta?.content ?? "";
  } catch {
    return "";
  }
}

function errorOf(text: string): string {
  try {
    return JSON.parse(text).error?.message ?? "";
  } catch {
    return "";
  }
}

export function PlaygroundPage() {
  if (models.value.length === 0) void listModels();
  const field = (name: string, id: string, target: { value: string }, list?: string) =>
    html`<label>${name}<input id=${id} name=${id} list=${list} value=${target.value} autocomplete="off"
      onInput=${(event: InputEvent) =>
      target.value = (event.target as HTMLInputElement).value} /></label>`;
  const now = status.value;
  return html`
    <${Single} title="Playground">
      <p class="lead">A chat through the gateway: key, policy and streaming are real.</p>
      <form class="ask" onSubmit=${(event: SubmitEvent) => {
        event.preventDefault();
        void ask();
      }}>
        <div class="fields">${field("API key", "key", key)}${field(
          "Model",
          "model",
          model,
          "models",
        )}</div>
        <datalist id="models">${models.value.map((id) => html`<option value=${id} />`)}</datalist>
        <label>Message<textarea id="message" rows="3" value=${question.value}
          onInput=${(event: InputEvent) =>
            question.value = (event.target as HTMLTextAreaElement).value}
          onKeyDown=${(event: KeyboardEvent) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void ask();
          }}></textarea></label>
        <div class="row"><button class="primary" id="send" type="submit">Send</button>
          ${isRunning.value &&
            html`<button type="button" onClick=${() => abort?.abort()}>Stop</button>`}
          <span class="note">Ctrl + Enter sends. Another key shows a denial.</span></div>
      </form>
      ${now !== undefined && html`
        <p class="sentence" id="answer-status" role="status">
          <${Pill} tone=${now.code < 300 ? "pass" : now.code < 500 ? "warn" : "fail"}>${now
            .code}<//>
                ${" "}${now.type}${" "}${now.deny !== "" && html`<b>${now.deny}</b>`}${" "}
                ${now.id !== "" &&
                  html`<a href=${`#/requests/${
                    encodeURIComponent(now.id)
                  }`}>Look at the request</a>`}</p>
      `}
      <div class="columns">
        <${Block} title="Answer"><pre id="said" class="said" role="region" tabindex="0" aria-label="The answer's text">${said
          .value}</pre><//>
        <${Block} title="As it came"><pre id="answer" class="tall" role="region" tabindex="0" aria-label="The answer's bytes">${raw
          .value}</pre><//>
      </div>
    <//>
  `;
}

/** The pages beside the requests: a playground, the fault switches, the configuration. */
import { signal } from "@preact/signals";
import { html } from "./html.ts";
import { setPolicyDown, state } from "./model.ts";

const key = signal("demo-key");
const question = signal("Say hello to Envoy");
const model = signal("gpt-4o-mini");
const answer = signal("");
const heading = signal("");

export function PlaygroundPage() {
  const field = (name: string, target: { value: string }) =>
    html`<label>${name}<input name=${name} value=${target.value}
      onInput=${(event: InputEvent) =>
      target.value = (event.target as HTMLInputElement).value} /></label>`;
  return html`
    <main class="single">
      <section aria-label="Playground">
        <h2>Chat through the gateway</h2>
        ${field("key", key)}${field("model", model)}
        <label>message<textarea name="message" rows="3"
          onInput=${(event: InputEvent) =>
            question.value = (event.target as HTMLTextAreaElement).value}
          value=${question.value}></textarea></label>
        <div class="row"><button id="send" onClick=${() => void send()}>Send</button></div>
        ${heading.value !== "" && html`<h2 id="answer-status">${heading.value}</h2>`}
        <pre id="answer" tabindex="0" aria-label="Answer">${answer.value}</pre>
      </section>
    </main>
  `;
}

async function send(): Promise<void> {
  answer.value = "";
  heading.value = "…";
  const response = await fetch("api/v1/playground", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      path: "/v1/chat/completions",
      key: key.value,
      body: {
        model: model.value,
        stream: true,
        messages: [{ role: "user", content: question.value }],
      },
    }),
  });
  heading.value = `${response.status} ${response.headers.get("content-type") ?? ""}`;
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const read = await reader?.read();
    if (read === undefined || read.done) break;
    answer.value += read.value;
  }
}

export function FaultsPage() {
  const isDown = state.value?.faults.policy ?? false;
  return html`
    <main class="single">
      <section aria-label="Faults">
        <h2>Faults</h2>
        <p class="note">Each switch goes off by itself after five minutes.</p>
        <div class="row"><button id="policy-down" role="switch" aria-checked=${isDown}
          onClick=${() => void setPolicyDown(!isDown)}>Policy down</button>
          <span>${isDown
            ? "every request is refused with 503 policy_unavailable"
            : "policy answers"}</span></div>
      </section>
    </main>
  `;
}

export function ConfigPage() {
  const now = state.value;
  if (now === undefined) {
    return html`
      <main class="single">
        <section>
          <p class="note">…</p>
        </section>
      </main>
    `;
  }
  const rows = [
    ["profile", now.profile],
    ["ingress", now.ingress],
    ["Envoy", now.envoy.version],
    ["configuration", now.envoy.config],
    ["sha256", now.envoy.config_sha256],
    ...Object.entries(now.services).map(([name, where]) => [
      name,
      typeof where === "string" ? where : JSON.stringify(where),
    ]),
  ];
  return html`
    <main class="single">
      <section aria-label="Configuration">
        <h2>Configuration</h2>
        <dl>${rows.map(([name, value]) =>
          html`
            <dt>${name}</dt>
            <dd>${value}</dd>
          `
        )}</dl>
      </section>
    </main>
  `;
}

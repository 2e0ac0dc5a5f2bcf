/** The page of traces: what the collector heard, and one trace as lanes with each span's attributes. */
import { computed, signal } from "@preact/signals";
import { h, type VNode } from "preact";
import { html } from "./html.ts";
import { call, messageOf } from "./api.ts";
import { route } from "./model.ts";
import { Block, clockOf, Pill, Single } from "./ui.ts";
import { type Create, drawLanes, sayMs } from "../../view/mod.ts";
import type { SpanShown, TraceDetail, TraceShown } from "../shown.ts";

const traces = signal<readonly TraceShown[] | undefined>(undefined);
const trace = signal<TraceDetail | undefined>(undefined);
const failure = signal("");
let watching = false;

/** `#/traces/ID` is one of them, `#/traces/of/ID` those of a request. */
const asked = computed(() => {
  if (route.value.page !== "traces") return undefined;
  const { id } = route.value;
  return id.startsWith("of/") ? { id: "", request: id.slice(3) } : { id, request: "" };
});

/** Reads what is shown again while the page is open. */
async function watch(): Promise<void> {
  if (watching) return;
  watching = true;
  for (let now = asked.value; now !== undefined; now = asked.value) {
    const { id, request } = now;
    try {
      if (id === "") {
        const query = new URLSearchParams({ request });
        traces.value = await call<TraceShown[]>("GET", `/traces?${query}`);
      } else trace.value = await call<TraceDetail>("GET", `/traces/${encodeURIComponent(id)}`);
      failure.value = "";
    } catch (error) {
      failure.value = messageOf(error);
    }
    // Requests that came meanwhile are read at once.
    if (asked.value === now) await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  watching = false;
}

export function TracesPage() {
  void watch();
  const { id = "", request = "" } = asked.value ?? {};
  if (id !== "") return html`<${One} id=${id} />`;
  const all = (traces.value ?? []).filter((one) => request === "" || one.request_id === request);
  return html`
    <${Single} title="Traces">
      <p class="lead">${request === ""
        ? "What the collector heard, newest first: one trace for each request, and whatever else sends it spans."
        : html`Traces of the request <a href=${`#/requests/${
          encodeURIComponent(request)
        }`}>${request}</a>. <a href="#/traces">All traces</a>`}</p>
      ${failure.value !== "" && html`<p class="warning">${failure.value}</p>`}
      ${all.length === 0 ? html`<p class="empty">No trace yet.</p>` : html`<${List} all=${all} />`}
    <//>
  `;
}

function List({ all }: { all: readonly TraceShown[] }) {
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Traces">
      <table>
        <thead>
          <tr>
            <th scope="col">time</th>
            <th scope="col">trace</th>
            <th scope="col">services</th>
            <th scope="col" class="n">spans</th>
            <th scope="col" class="n">time taken</th>
            <th scope="col">status</th>
          </tr>
        </thead>
        <tbody>${all.map((one) =>
          html`
            <tr key=${one.id}>
              <td class="soft">${clockOf(one.time)}</td>
              <th scope="row"><a href=${`#/traces/${one.id}`}>${one.name || "no name"}</a></th>
              <td>${one.services.join(", ")}</td>
              <td class="n">${one.spans}</td>
              <td class="n">${sayMs(one.ms)}</td>
              <td>
                <${Pill} tone=${one.errors > 0 ? "fail" : "pass"}>${one.errors > 0
                  ? `${one.errors} failed`
                  : "fine"}<//></td>
            </tr>
          `
        )}</tbody>
      </table>
    </div>
  `;
}

function One({ id }: { id: string }) {
  const one = trace.value?.id === id ? trace.value : undefined;
  if (one === undefined) {
    return html`
      <${Single} title="Trace">
        <p class="empty">${failure.value || "Reading …"}</p>
        <p><a href="#/traces">All traces</a></p>
        <//>
    `;
  }
  const lanes = one.tree.map((span) => ({
    // Spaces that stay: depth is seen in what the lane is called.
    name: `${"\u2007".repeat(Math.min(span.depth, 6))}${shortName(span)}`,
    part: span.kind === "client" ? "upstream" : "Envoy",
    from: span.from,
    to: span.from + span.ms,
  }));
  return html`
    <${Single} title="Trace">
      <p class="lead">${one.name} · ${sayMs(one.ms)} · ${one.spans} spans of ${one.services.join(
        ", ",
      )}</p>
      <p class="row lead"><a href="#/traces">All traces</a>
        ${one.request_id !== "" &&
          html`<a href=${`#/requests/${
            encodeURIComponent(one.request_id)
          }`}>Look at the request</a>`}
        <code class="soft">${one.id}</code></p>
      <${Block} title="Who did what when">${drawLanes(h as Create<VNode>, lanes, {
        from: 0,
        to: Math.max(1, one.ms),
      })}<//>
      <${Block} title="Spans">${one.tree.map((span) =>
        html`<${Span} key=${span.id} span=${span} />`
      )}<//>
      ${one.logs.length > 0 && html`
        <${Block} title="Log records">
          <ul class="changes">${one.logs.map(({ at, service, text, attributes }) =>
            html`<li><span><b>${text}</b></span><span class="soft">${
              sayMs(Math.max(0, at))
            } · ${service}</span>
              <${Attributes} attributes=${attributes} /></li>`
          )}</ul>
          <//>
      `}
    <//>
  `;
}

/** A span's name without what every span of Envoy has: `Check (policy_engine)`. */
function shortName({ name, attributes }: SpanShown): string {
  const cluster = attributes.find(([key]) => key === "upstream_cluster")?.[1] ?? "";
  const short = /^async [\w.]+\.(\w+) egress$/.exec(name)?.[1];
  if (short === undefined) return name;
  return cluster === "" ? short : `${short} (${cluster})`;
}

function Span({ span }: { span: SpanShown }) {
  return html`
    <details class="fold">
      <summary>${shortName(span)} <span class="soft">${span.service} · ${span.kind} · ${sayMs(
        span.ms,
      )}</span>
        ${" "}${span.status === "error" && html`<${Pill} tone="fail">failed<//>`}</summary>
      <${Attributes} attributes=${span.attributes} />
    </details>
  `;
}

function Attributes({ attributes }: { attributes: SpanShown["attributes"] }) {
  return html`
    <dl class="facts">${attributes.map(([name, value]) =>
      html`
        <dt>${name}</dt>
        <dd>${value}</dd>
      `
    )}</dl>
  `;
}

/** The pages about the gateway itself: its configuration, and the hosts behind it. */
import { signal } from "@preact/signals";
import { html } from "./html.ts";
import { call, messageOf } from "./api.ts";
import { state } from "./model.ts";
import { Block, Pill, Single } from "./ui.ts";
import type { ConfigShown, HostShown } from "../shown.ts";

const config = signal<ConfigShown | undefined>(undefined);
const configFailure = signal("");

async function load(): Promise<void> {
  try {
    config.value = await call<ConfigShown>("GET", "/config");
  } catch (error) {
    configFailure.value = messageOf(error);
  }
}

export function ConfigPage() {
  if (config.value === undefined && configFailure.value === "") void load();
  const now = state.value;
  const one = config.value;
  const places = now === undefined ? [] : [
    ["profile", now.profile],
    ["ingress", now.ingress],
    ...Object.entries(now.services).map(([name, where]) => [
      name,
      typeof where === "string" ? where : JSON.stringify(where),
    ]),
  ];
  return html`
    <${Single} title="Config">
      <${Block} title="Addresses">
        <dl class="facts">${places.map(([name, value]) =>
          html`
            <dt>${name}</dt>
            <dd>${value}</dd>
          `
        )}</dl>
      <//>
      ${one === undefined ? html`<p class="empty">${configFailure.value || "Reading …"}</p>` : html`
        <${Block} title="Lint" aside=${html`<span class="soft">${one.findings.length} findings</span>`}>
          ${one.findings.length === 0
            ? html`<p>Nothing is wrong with ${one.name}.</p>`
            : html`<ul class="changes">${
              one.findings.map((finding) =>
                html`<li><span><${Pill} tone=${
                  finding.severity === "error" ? "fail" : "warn"
                }>${finding.severity}<//>
        <b>${finding.found}</b></span><span class="soft">${finding.place}</span>
        <span>Fix: ${finding.fix}</span></li>`
              )
            }</ul>`}
        <//>
        <${Block} title="Set at launch" aside=${html`<span class="soft">${one.overlay.length} places</span>`}>
          <p class="note">Everything else is as the file has it.</p>
          <details class="fold"><summary>Each place, before and after</summary>
          <ul class="changes">${one.overlay.map(({ what, path, before, after }) =>
            html`<li><b>${what}</b><span class="mono">${
              before === "" ? "" : `${before} → `
            }${after}</span>
        <code class="soft">${path}</code></li>`
          )}</ul></details>
        <//>
        <${Block} title="File">
          <dl class="facts"><dt>name</dt><dd>${one.name}</dd><dt>sha256</dt><dd class="mono">${one
            .sha256}</dd>
            <dt>launched</dt><dd class="mono">${one.launched_sha256}</dd></dl>
          <details class="fold"><summary>${one.text.split("\n").length} lines</summary>
            <pre class="tall" role="region" tabindex="0" aria-label="The configuration's file">${one
              .text}</pre></details>
        <//>
      `}
    <//>
  `;
}

const hosts = signal<readonly HostShown[] | undefined>(undefined);
let watching = false;

/** Reads the hosts again while their page is open. */
async function watchHosts(): Promise<void> {
  if (watching) return;
  watching = true;
  while (location.hash.startsWith("#/hosts")) {
    hosts.value = await call<HostShown[]>("GET", "/hosts").catch(() => []);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  watching = false;
}

export function HostsPage() {
  void watchHosts();
  const all = hosts.value ?? [];
  return html`
    <${Single} title="Hosts">
      <p class="lead">The hosts of each cluster, as Envoy tells them.</p>
      <div class="scroll" tabindex="0" role="region" aria-label="Hosts">
        <table>
          <thead>
            <tr>
              <th scope="col">cluster</th>
              <th scope="col">host</th>
              <th scope="col">health</th>
              <th scope="col" class="n">running</th>
              <th scope="col" class="n">requests</th>
              <th scope="col" class="n">errors</th>
            </tr>
          </thead>
          <tbody>${all.map((host) =>
            html`
              <tr>
                <th scope="row">${host.cluster}</th>
                <td class="mono">${host.address}</td>
                <td>
                  <${Pill}
                    tone=${host.failing.length === 0 ? "pass" : "fail"}>${host.failing.length === 0
                      ? "healthy"
                      : host.failing.join(", ").replaceAll("_", " ")}<//></td><td class="n">${host
                      .active}</td><td class="n">${host.total}</td>
                      <td class="n">${host.errors}</td></tr>
            `
          )}</tbody>
        </table>
      </div>
      <//>
  `;
}

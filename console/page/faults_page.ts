/** The page of faults: switches on both planes, for everybody or for one tenant. */
import { signal } from "@preact/signals";
import { html } from "./html.ts";
import { call, messageOf } from "./api.ts";
import { refresh } from "./model.ts";
import { Block, say, Single } from "./ui.ts";
import type { FaultState } from "../shown.ts";

const faults = signal<readonly FaultState[] | undefined>(undefined);
const tenant = signal("");

async function load(): Promise<void> {
  faults.value = await call<FaultState[]>("GET", "/faults").catch(() => []);
}

/** Switches a fault on or off. */
export async function setFault(
  fault: Pick<FaultState, "name" | "scoped">,
  on: boolean,
): Promise<void> {
  const scope = fault.scoped && tenant.value !== "" ? { tenant: tenant.value } : {};
  try {
    const path = `/faults/${fault.name}`;
    faults.value = on ? await call("PUT", path, scope) : await call("DELETE", path);
  } catch (error) {
    say(messageOf(error));
  }
  await refresh();
}

const PLANES = [["policy", "Policy"], ["upstream", "Model server"]] as const;

export function FaultsPage() {
  if (faults.value === undefined) void load();
  const all = faults.value ?? [];
  return html`
    <${Single} title="Faults">
      <p class="lead">Break a part of the gateway, and see what its clients see.${" "}<span class="soft">Each switch goes off by itself after five minutes; one at a time on each plane.</span></p>
      <label class="scope">For one tenant alone
        <input id="tenant" placeholder="everybody" value=${tenant.value}
          onInput=${(event: InputEvent) =>
            tenant.value = (event.target as HTMLInputElement).value} /></label>
      ${PLANES.map(([plane, title]) => {
        const switches = all.filter((fault) => fault.plane === plane);
        if (switches.length === 0) return null;
        return html`
          <${Block} title=${title}>
            <ul class="switches">${switches.map((fault) =>
              html`
                <li key=${fault.name}>
                  <${Switch} fault=${fault} />
                </li>
              `
            )}</ul>
            <//>
        `;
      })}
      ${all.length === 0 &&
        html`<p class="empty">This gateway has no part of ours that could fail on command.</p>`}
    <//>
  `;
}

function Switch({ fault }: { fault: FaultState }) {
  const { name, title, effect, on, until } = fault;
  return html`
    <button id=${name} class="switch" role="switch" aria-checked=${on}
      aria-describedby=${`${name}-effect`}
      onClick=${() =>
        void setFault(fault, !on)}><span class="knob" aria-hidden="true"></span>${title}</button>
    <p id=${`${name}-effect`} class="soft">${effect}${on
      ? `; off at ${new Date(until).toLocaleTimeString("en-GB")}`
      : ""}${on && fault.tenant !== ""
      ? `; for ${fault.tenant} alone`
      : ""}${!fault.scoped && tenant.value !== "" ? "; this one is for everybody" : ""}</p>
  `;
}

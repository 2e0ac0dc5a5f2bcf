/** The page of limits: what the rate-limit service decided lately. */
import { signal } from "@preact/signals";
import { html } from "./html.ts";
import { call } from "./api.ts";
import { Pill, Single } from "./ui.ts";
import type { LimitShown } from "../shown.ts";

const decisions = signal<readonly LimitShown[] | undefined>(undefined);
let watching = false;

async function watch(): Promise<void> {
  if (watching) return;
  watching = true;
  while (location.hash.startsWith("#/limits")) {
    decisions.value = await call<LimitShown[]>("GET", "/limits").catch(() => decisions.value);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  watching = false;
}

export function LimitsPage() {
  void watch();
  const all = decisions.value ?? [];
  return html`
    <${Single} title="Limits">
      <p class="lead">What the rate-limit service decided, newest first.</p>
      ${all.length === 0 ? html`<p class="empty">No decision yet.</p>` : html`
        <div class="scroll" tabindex="0" role="region" aria-label="Decisions">
          <table>
            <thead>
              <tr>
                <th scope="col">outcome</th>
                <th scope="col">who</th>
                <th scope="col">code or charge</th>
              </tr>
            </thead>
            <tbody>${all.map(({ outcome, subject, code, charge }) =>
              html`
                <tr>
                  <td>
                    <${Pill} tone=${outcome === "refused"
                      ? "warn"
                      : outcome === "pass"
                      ? "pass"
                      : ""}>${outcome}<//></td>
                        <td>${Object.entries(subject).map(([name, value]) => `${name} ${value}`)
                          .join(" · ")}</td>
                        <td>${code ??
                          (charge === undefined ? "" : sayCharge(charge))}</td></tr>
              `
            )}</tbody>
          </table>
        </div>
      `}
    <//>
  `;
}

/** A charge in words: `12 tokens by usage, $0.000035`. */
function sayCharge({ tokens, cost, source }: NonNullable<LimitShown["charge"]>): string {
  const dollars = cost === 0 ? "" : `, $${(cost / 1e9).toFixed(6)}`;
  return `${tokens} tokens (${source})${dollars}`;
}

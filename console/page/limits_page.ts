/** The page of limits: what the rate-limit service decided lately. */
import { signal } from "@preact/signals";
import { html } from "./html.ts";
import { Pill, Single } from "./ui.ts";

interface Decision {
  readonly subject: Readonly<Record<string, string>>;
  readonly outcome: "pass" | "refused" | "charged";
  readonly code?: string;
  readonly charge?: Readonly<Record<string, unknown>>;
}

const decisions = signal<readonly Decision[] | undefined>(undefined);
let watching = false;

async function watch(): Promise<void> {
  if (watching) return;
  watching = true;
  while (location.hash.startsWith("#/limits")) {
    const answer = await fetch("journal/limits").catch(() => undefined);
    if (answer?.ok) {
      const lines = (await answer.text()).split("\n").filter((line) => line !== "");
      decisions.value = lines.slice(-200).reverse().map((line) => JSON.parse(line) as Decision);
    }
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
                          (charge === undefined ? "" : JSON.stringify(charge))}</td></tr>
              `
            )}</tbody>
          </table>
        </div>
      `}
    <//>
  `;
}

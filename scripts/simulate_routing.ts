// deno-lint-ignore-file no-console -- a program of its own
/**
 * Shows what each routing logic does to latencies, by simulation: `deno run -A
 * scripts/simulate_routing.ts [--seed N] [--svg FILE]`. The same seed gives the same figures on
 * every machine.
 */
import { parseArgs } from "node:util";
import { plotOf } from "./routing_simulation/plot.ts";
import { playAll, SCENARIOS } from "./routing_simulation/scenarios.ts";
import { tableOf } from "./routing_simulation/table.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { seed: { type: "string", default: "1" }, svg: { type: "string" } },
});
const seed = Number(values.seed);
if (!Number.isSafeInteger(seed) || seed < 0) {
  console.error(`Cannot use --seed: it must be a whole number: current value is "${values.seed}"`);
  Deno.exit(2);
}
const played = SCENARIOS.map((scenario) => ({ scenario, outcome: playAll(scenario, seed) }));
for (const one of played) console.log(tableOf(one));
if (values.svg !== undefined) {
  await Deno.writeTextFile(values.svg, plotOf(played));
  console.log(`Plot: ${values.svg}`);
}

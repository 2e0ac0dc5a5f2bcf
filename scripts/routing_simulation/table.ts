/** Prints what the simulation of the routing logics found. */
import { ROUTING_LOGICS } from "../../router/mod.ts";
import type { Outcome, Scenario } from "./scenarios.ts";

/** A scenario with what came of it. */
export interface Played {
  readonly scenario: Scenario;
  readonly outcome: Outcome;
}

/** Prints a scenario's latencies, one line for each strategy; Markdown. */
export function tableOf({ scenario, outcome }: Played): string {
  const head = [
    "routing logic",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "prompts from cache",
    "to the slowest",
  ];
  const rows = ROUTING_LOGICS.map((logic) => {
    const { p50, p95, p99, cached, slowest } = outcome[logic];
    const percent = (share: number) => `${Math.round(share * 100)} %`;
    const ms = [p50, p95, p99].map((value) => String(Math.round(value)));
    return [`\`${logic}\``, ...ms, percent(cached), percent(slowest)];
  });
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    `| ${
      cells.map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)
      ).join(" | ")
    } |`;
  const rule = `| ${
    widths.map((width, column) => column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)
      .join(" | ")
  } |`;
  return [
    `**${scenario.name}**: ${scenario.what}`,
    "",
    line(head),
    rule,
    ...rows.map(line),
    "",
  ].join("\n");
}

/** `llmgate log query`: calls of a call log, or their sums. */
import {
  type Call,
  callsOf,
  type Grouping,
  GROUPINGS,
  lossesOf,
  openForReading,
  type Sums,
  sumsBy,
} from "../../call_log/mod.ts";
import { choiceOption, flagOption, integerOption } from "../../options/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { CALL_FILTER_OPTIONS, callFilter } from "../flags/call_filter.ts";

export const command = defineCommand({
  name: "log query",
  summary: "list calls of a call log, or their sums by tenant or model",
  description:
    "Reads the file that `llmgate dev --call-log FILE` writes, also while it runs. Lists the newest calls, or with --by " +
    "their sums: requests, errors, first byte at the median and at 95 %, tokens. Calls that were lost are counted.",
  arguments: [{ name: "file", description: "the call log", required: true }],
  options: {
    ...CALL_FILTER_OPTIONS,
    by: choiceOption("--by <COLUMN>", {
      description: "sums for each value of this column",
      choices: GROUPINGS,
    }),
    limit: integerOption("--limit <N>", { description: "calls at most", min: 1, default: 20 }),
    json: flagOption("--json", { description: "print JSON: one line per call or sum" }),
  },
  examples: [
    { command: "llmgate log query calls.db", explains: "the newest calls" },
    { command: "llmgate log query calls.db --since 24h --status 5xx", explains: "what failed" },
    {
      command: "llmgate log query calls.db --since 7d --by tenant --json",
      explains: "who asked how much",
    },
  ],
  permissions: ["read"],
  run({ args, options, print, log }) {
    using database = openForReading(args.file);
    const filter = callFilter(options);
    const lost = lossesOf(database, filter.since);
    if (options.by !== undefined) {
      const by = options.by as Grouping;
      const sums = sumsBy(database, filter, by);
      for (
        const line of options.json ? sums.map((one) => JSON.stringify(one)) : sumLines(by, sums)
      ) {
        print(line);
      }
    } else {
      const calls = callsOf(database, filter, options.limit);
      for (const call of calls) print(options.json ? JSON.stringify(call) : callLine(call));
      if (calls.length === 0) log("No call fits");
    }
    if (lost > 0) {
      log(`${lost} calls were lost: the disk was full, or they came faster than it writes`);
    }
    return Promise.resolve(EXIT.ok);
  },
});

function callLine(call: Call): string {
  const { time, status, method, path, reason, tenant, model, first_byte_ms, total_ms } = call;
  const tokens = call.tokens_out === null ? "" : `${call.tokens_in}+${call.tokens_out} tokens`;
  const first = first_byte_ms === null ? "" : `first ${Math.round(Number(first_byte_ms))} ms`;
  return [
    new Date(Number(time)).toISOString().replace("T", " ").slice(0, 19),
    String(status ?? 0),
    `${method} ${path}`,
    ...[
      model,
      tenant,
      reason,
      call.ended,
      first,
      `total ${Math.round(Number(total_ms))} ms`,
      tokens,
    ]
      .filter((part) => part !== null && part !== ""),
  ].join("  ");
}

function sumLines(by: string, sums: readonly (Sums & { readonly value: string })[]): string[] {
  const rows = [
    [by, "requests", "errors", "p50 ms", "p95 ms", "tokens in", "tokens out"],
    ...sums.map((one) => [
      one.value || "none",
      ...[one.requests, one.errors, one.p50_ms, one.p95_ms, one.tokens_in, one.tokens_out]
        .map((value) => value === null ? "" : String(Math.round(value))),
    ]),
  ];
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0))) ??
    [];
  return rows.map((row) =>
    row.map((cell, at) => at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))
      .join("  ")
  );
}

/** `llmgate log export`: calls of a call log as CSV or JSON lines. */
import { type Call, COLUMN_NAMES, eachCall, openForReading } from "../../call_log/mod.ts";
import { choiceOption } from "../../options/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { CALL_FILTER_OPTIONS, callFilter } from "../flags/call_filter.ts";

export const command = defineCommand({
  name: "log export",
  summary: "write calls of a call log as CSV or JSON lines",
  description:
    "Reads the file that `llmgate dev --call-log FILE` writes and prints each call, oldest first: CSV with a head " +
    "(RFC 4180), or a JSON object a line.",
  arguments: [{ name: "file", description: "the call log", required: true }],
  options: {
    ...CALL_FILTER_OPTIONS,
    format: choiceOption("--format <FORMAT>", {
      description: "form of the output",
      choices: ["csv", "jsonl"],
      default: "csv",
    }),
  },
  examples: [
    { command: "llmgate log export calls.db > calls.csv", explains: "for a spreadsheet" },
    {
      command: "llmgate log export calls.db --since 24h --format jsonl",
      explains: "the last day, for a program",
    },
  ],
  permissions: ["read"],
  run({ args, options, print }) {
    using database = openForReading(args.file);
    const isCsv = options.format === "csv";
    if (isCsv) print(COLUMN_NAMES.join(","));
    for (const call of eachCall(database, callFilter(options))) {
      print(isCsv ? csvLine(call) : JSON.stringify(call));
    }
    return Promise.resolve(EXIT.ok);
  },
});

/** A value that a spreadsheet would take for a formula begins with a quote instead: its text came from a client. */
function csvLine(call: Call): string {
  return COLUMN_NAMES.map((name) => {
    const value = call[name];
    if (typeof value !== "string") {
      return value === null || value === undefined ? "" : String(value);
    }
    const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }).join(",");
}

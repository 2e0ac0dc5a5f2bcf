/** `llmgate report`: renders a report again in another format. */
import { exitCode, renderTerminal } from "../../conformance/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { fileOption, repeated } from "../../options/mod.ts";
import {
  assertReportsWritable,
  readReport,
  REPORT_ENDINGS,
  writeReports,
} from "../check/reports.ts";

export const command = defineCommand({
  name: "report",
  summary: "render a report again in another format",
  description:
    `Reads reports that check wrote as JSON and renders them: on the terminal, or to the files of --report, whose
    ending decides the format (${
      REPORT_ENDINGS.join(", ")
    }). Several reports become one, run by run. Exits 1 when one of
    them says that a MUST failed.`,
  arguments: [{ name: "files", description: "reports, JSON", required: true, variadic: true }],
  options: {
    report: repeated(fileOption("--report <FILE>", {
      description: "write to this file; its ending decides the format",
    })),
  },
  examples: [
    { command: "llmgate report run.json", explains: "on the terminal" },
    { command: "llmgate report run.json --report run.html", explains: "as a page" },
    {
      command: "llmgate report a.json b.json --report junit.xml",
      explains: "two runs in one file",
    },
  ],
  permissions: ["read"],
  extraPermissions: ({ report }) => report.length === 0 ? [] : ["write"],
  async run({ options, args, host }) {
    await assertReportsWritable(options.report);
    const reports = await Promise.all(args.files.map(readReport));
    await writeReports(reports, options.report);
    if (options.report.length === 0) {
      for (const report of reports) host.stdout.write(renderTerminal(report));
    }
    return reports.some((report) => exitCode(report) === EXIT.failed) ? EXIT.failed : EXIT.ok;
  },
});

/** `llmgate diff`: compares the verdicts of two reports. */
import { diffReports, renderDiff } from "../../conformance/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { flagOption } from "../../options/mod.ts";
import { readReport } from "../check/reports.ts";

export const command = defineCommand({
  name: "diff",
  summary: "compare the verdicts of two reports",
  description:
    `Lists the cases whose verdict differs between two runs: of two Envoy versions, two gateways, or before and after a
    change. Exits 1 when one got worse.`,
  arguments: [
    { name: "before", description: "report of the first run, JSON", required: true },
    { name: "after", description: "report of the second run, JSON", required: true },
  ],
  options: {
    json: flagOption("--json", { description: "print the differences as JSON" }),
  },
  examples: [
    { command: "llmgate diff before.json after.json", explains: "what changed" },
    { command: "llmgate diff main.json branch.json --json", explains: "for scripts" },
  ],
  permissions: ["read"],
  async run({ options, args, host, print }) {
    const [before, after] = await Promise.all([readReport(args.before), readReport(args.after)]);
    const differences = diffReports(before, after);
    if (options.json) print(JSON.stringify(differences));
    else host.stdout.write(renderDiff(before, after));
    return differences.some(({ worse }) => worse) ? EXIT.failed : EXIT.ok;
  },
});

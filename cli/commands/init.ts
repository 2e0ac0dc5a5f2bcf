/** `llmgate init`: writes rules and limits of your own to start from. */
import { join, resolve } from "node:path";
import { DEFAULT_LIMITS } from "../../limits/mod.ts";
import { DEFAULT_RULES } from "../../policy/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { writeFolder } from "../folder.ts";
import { flagOption } from "../../options/mod.ts";

/** The files that a folder starts with: name and text. */
const FILES: readonly { name: string; text: () => string }[] = [
  { name: "rules.yaml", text: () => DEFAULT_RULES },
  { name: "limits.yaml", text: () => DEFAULT_LIMITS },
];

export const command = defineCommand({
  name: "init",
  summary: "write rules and limits of your own to start from",
  description:
    `Writes rules.yaml, the demo rules with every word explained, and limits.yaml, for --profile edge. Files that are
    there are never written over, unless --force says so.`,
  arguments: [{
    name: "dir",
    description: "folder to write to; made when missing",
    required: true,
  }],
  options: {
    force: flagOption("--force", { description: "write over files that are there" }),
  },
  examples: [
    { command: "llmgate init my-gateway", explains: "then edit my-gateway/rules.yaml" },
    { command: "llmgate dev --rules my-gateway/rules.yaml", explains: "run them; edits are live" },
  ],
  permissions: ["read", "write"],
  async run({ options, args, host, print }) {
    const folder = resolve(host.cwd, args.dir);
    const files = FILES.map(({ name, text }) => ({ name, text: text() }));
    for (const path of await writeFolder(folder, files, options)) print(`wrote ${path}`);
    print(`\nrun them:  llmgate dev --rules "${join(args.dir, "rules.yaml")}"`);
    return EXIT.ok;
  },
});

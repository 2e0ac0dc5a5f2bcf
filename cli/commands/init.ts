/** `llmgate init`: writes rules and limits of your own to start from. */
import { join, resolve } from "node:path";
import { DEFAULT_LIMITS } from "../../limits/mod.ts";
import { DEFAULT_RULES } from "../../policy/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { writeFolder } from "../folder.ts";
import { schemaLine, schemaText } from "../help/schemas.ts";
import { flagOption } from "../../options/mod.ts";

/** A scenario to start from. */
const SCENARIOS =
  `# What the mock model answers to what; the first that fits answers: llmgate help scenarios
- match: { last_message: /hello/i }
  reply: Hello from scenarios/hello.yaml.
- match: { last_message: /hurry/i }
  answers: [429, { reply: At last. }]
`;

/** The files that a folder starts with: where they stand, which schema they have, and their text. */
const FILES: readonly { name: string; schema: string; text: string }[] = [
  { name: "rules.yaml", schema: "rules", text: DEFAULT_RULES },
  { name: "limits.yaml", schema: "limits", text: DEFAULT_LIMITS },
  { name: "scenarios/hello.yaml", schema: "scenario", text: SCENARIOS },
];

/** Where the schemas stand beside them. */
const SCHEMA_FOLDER = "schemas";

export const command = defineCommand({
  name: "init",
  summary: "write rules, limits and scenarios of your own to start from",
  description:
    `Writes rules.yaml, the demo rules with every word explained, limits.yaml, for --profile edge, and a scenario of the
    mock model, each with its JSON Schema, which editors read. Files that are there are never written over, unless --force
    says so.`,
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
    const files = FILES.map(({ name, schema, text }) => {
      const up = "../".repeat(name.split("/").length - 1);
      return {
        name,
        text: `${schemaLine(`${up}${SCHEMA_FOLDER}/${schema}.schema.json`)}${text}`,
      };
    });
    const schemas = await Promise.all(FILES.map(async ({ schema }) => ({
      name: `${SCHEMA_FOLDER}/${schema}.schema.json`,
      text: await schemaText(schema) ?? "",
    })));
    for (const path of await writeFolder(folder, [...files, ...schemas], options)) {
      print(`wrote ${path}`);
    }
    const [rules, scenarios] = [join(args.dir, "rules.yaml"), join(args.dir, "scenarios")];
    print(`\nrun them:  llmgate dev --rules "${rules}" --scenarios "${scenarios}"`);
    return EXIT.ok;
  },
});

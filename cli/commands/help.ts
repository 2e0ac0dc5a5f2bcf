/** `llmgate help`: explains a command or a topic. */
import { UsageError } from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { commandHelp, overview } from "../help/help_text.ts";
import { loadCommand, loadCommands } from "../load.ts";
import { flagOption } from "../../options/mod.ts";
import { didYouMean } from "../help/suggest.ts";
import { COMMANDS } from "../table.ts";
import { guideOf, GUIDES, PAGES } from "../help/pages.ts";
import { SCHEMA_NAMES, schemaText } from "../help/schemas.ts";
import { TOPICS } from "../help/topics.ts";

export const command = defineCommand({
  name: "help",
  summary: "explain a command or a topic",
  description:
    `Topics, guides and schemas are README.md, the pages of docs/ and the checks of the files themselves, so that they cannot
    differ from these; none needs a network.`,
  arguments: [{
    name: "words",
    description: `a command, a topic, "guide NAME", "schema NAME", or "topics" for the list`,
    variadic: true,
  }],
  options: {
    man: flagOption("--man", { description: "print the manual page (roff) of all commands" }),
  },
  examples: [
    { command: "llmgate help check", explains: "the same as llmgate check --help" },
    { command: "llmgate help topics", explains: "what else is explained" },
    { command: "llmgate help scenarios", explains: "what the mock answers to what" },
    { command: "llmgate help guide upstream", explains: "a page of the documentation" },
    {
      command: "llmgate help schema rules > rules.schema.json",
      explains: "the JSON Schema of a kind of file, for editors",
    },
    { command: "llmgate help --man > llmgate.1", explains: "a manual page for man(1)" },
  ],
  permissions: [],
  async prepare({ options, args }) {
    const entry = COMMANDS.find(({ name }) => name === args.words.join(" "));
    if (options.man) await loadCommands();
    else if (entry !== undefined) await loadCommand(entry);
    // What makes a schema can be read no more once the permissions are given up.
    if (args.words[0] === "schema") await schemaText(args.words[1] ?? "");
  },
  async run({ options, args, host, print, style }) {
    if (options.man) {
      const { manualPage } = await import("../help/manual.ts");
      host.stdout.write(await manualPage());
      return EXIT.ok;
    }
    const name = args.words.join(" ");
    if (name === "") {
      host.stdout.write(overview(style));
      return EXIT.ok;
    }
    if (name === "topics") {
      for (const topic of [...TOPICS, ...GUIDES]) print(`${topic.name.padEnd(24)}${topic.title}`);
      for (const schema of SCHEMA_NAMES) print(`${`schema ${schema}`.padEnd(24)}JSON Schema`);
      return EXIT.ok;
    }
    const entry = COMMANDS.find((candidate) => candidate.name === name);
    if (entry !== undefined) {
      host.stdout.write(commandHelp(await loadCommand(entry), style, host.stdout.columns));
      if (name in PAGES) print(`\nAll of it: llmgate help guide ${name}`);
      return EXIT.ok;
    }
    const schema = args.words[0] === "schema" ? await schemaText(args.words[1] ?? "") : undefined;
    if (schema !== undefined) {
      host.stdout.write(schema);
      return EXIT.ok;
    }
    const topic = TOPICS.find((candidate) => candidate.name === name) ?? guideOf(name);
    if (topic === undefined) {
      const schemas = SCHEMA_NAMES.map((one) => `schema ${one}`);
      const known = [...COMMANDS, ...TOPICS, ...GUIDES].map((candidate) => candidate.name)
        .concat(schemas);
      throw new UsageError(`Cannot find a command or topic "${name}"${didYouMean(name, known)}`);
    }
    host.stdout.write(topic.text());
    return EXIT.ok;
  },
});

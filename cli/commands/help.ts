/** `llmgate help`: explains a command or a topic. */
import { UsageError } from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { commandHelp, overview } from "../help/help_text.ts";
import { loadCommand, loadCommands } from "../load.ts";
import { flagOption } from "../../options/mod.ts";
import { didYouMean } from "../help/suggest.ts";
import { COMMANDS } from "../table.ts";
import { TOPICS } from "../help/topics.ts";

export const command = defineCommand({
  name: "help",
  summary: "explain a command or a topic",
  description: `Topics are taken from README.md, so that the two cannot differ.`,
  arguments: [{
    name: "words",
    description: `a command, a topic, or "topics" for the list`,
    variadic: true,
  }],
  options: {
    man: flagOption("--man", { description: "print the manual page (roff) of all commands" }),
  },
  examples: [
    { command: "llmgate help check", explains: "the same as llmgate check --help" },
    { command: "llmgate help topics", explains: "what else is explained" },
    { command: "llmgate help --man > llmgate.1", explains: "a manual page for man(1)" },
  ],
  permissions: [],
  async prepare({ options, args }) {
    const entry = COMMANDS.find(({ name }) => name === args.words.join(" "));
    if (options.man) await loadCommands();
    else if (entry !== undefined) await loadCommand(entry);
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
      for (const topic of TOPICS) print(`${topic.name.padEnd(14)}${topic.title}`);
      return EXIT.ok;
    }
    const entry = COMMANDS.find((candidate) => candidate.name === name);
    if (entry !== undefined) {
      host.stdout.write(commandHelp(await loadCommand(entry), style, host.stdout.columns));
      return EXIT.ok;
    }
    const topic = TOPICS.find((candidate) => candidate.name === name);
    if (topic === undefined) {
      const known = [...COMMANDS, ...TOPICS].map((candidate) => candidate.name);
      throw new UsageError(`Cannot find a command or topic "${name}"${didYouMean(name, known)}`);
    }
    host.stdout.write(topic.text());
    return EXIT.ok;
  },
});

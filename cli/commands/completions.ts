/** `llmgate completions`: prints a completion script for your shell. */
import { UsageError } from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { completionScript, SHELLS } from "../help/completions.ts";
import { loadCommands } from "../load.ts";

export const command = defineCommand({
  name: "completions",
  summary: "print a completion script for your shell",
  arguments: [{ name: "shell", description: `one of ${SHELLS.join(", ")}`, required: true }],
  options: {},
  examples: [
    {
      command: "llmgate completions bash > ~/.local/share/bash-completion/completions/llmgate",
      explains: "bash",
    },
    {
      command: "llmgate completions zsh > ~/.zfunc/_llmgate",
      explains: "zsh, with ~/.zfunc in $fpath",
    },
    {
      command: "llmgate completions fish > ~/.config/fish/completions/llmgate.fish",
      explains: "fish",
    },
  ],
  permissions: [],
  prepare: loadCommands,
  async run({ args, host }) {
    const shell = SHELLS.find((known) => known === args.shell);
    if (shell === undefined) {
      throw new UsageError(
        `Cannot make completions: the shell must be one of ${
          SHELLS.join(", ")
        }: current value is "${args.shell}"`,
      );
    }
    host.stdout.write(completionScript(shell, await loadCommands()));
    return EXIT.ok;
  },
});

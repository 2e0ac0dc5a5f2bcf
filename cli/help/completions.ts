/** Completion scripts for bash, zsh and fish, made from the flags themselves. */
import type { Command } from "../command.ts";
import { shownOptions } from "./help_text.ts";
import { longName } from "../parse.ts";
import type { AnyOption } from "../../options/mod.ts";

/** Shells that a script can be made for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = typeof SHELLS[number];

/** The completion script of a shell, made from the commands. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  return { bash, zsh, fish }[shell](commands);
}

function bash(commands: readonly Command[]): string {
  const cases = commands.map((command) =>
    `    "${command.name}")
      case "$previous" in
${valueCases(command)}      esac
      words="${[...shownOptions(command).map(longName), "--help"].join(" ")}" ;;`
  );
  return `# bash completion for llmgate: source it, or put it into ~/.local/share/bash-completion/completions/llmgate
_llmgate() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command words
  command="\${COMP_WORDS[1]}"
  case "$command" in ${
    groups(commands).join("|")
  }) [ "$COMP_CWORD" -gt 2 ] && command="$command \${COMP_WORDS[2]}" ;; esac
  [ "$COMP_CWORD" -eq 1 ] && command=""
  case "$command" in
    "") words="${firstWords(commands).join(" ")} --help --version" ;;
${
    groups(commands).map((word) =>
      `    "${word}") words="${secondWords(commands, word).join(" ")}" ;;\n`
    ).join("")
  }${cases.join("\n")}
  esac
  case "$current" in
    -*|"") COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current")) ;;
  esac
}
complete -o filenames -F _llmgate llmgate
`;
}

function valueCases(command: Command): string {
  return shownOptions(command).map((option) => {
    const words = option.completes;
    if (words === undefined) return "";
    const generated = words === "file"
      ? '$(compgen -f -- "$current")'
      : words === "directory"
      ? '$(compgen -d -- "$current")'
      : `$(compgen -W "${words.join(" ")}" -- "$current")`;
    return `        ${longName(option)}) COMPREPLY=(${generated}); return ;;\n`;
  }).join("");
}

function zsh(commands: readonly Command[]): string {
  const cases = commands.map((command) =>
    `    (${zshQuote(command.name)}) _arguments -s ${
      [
        ...shownOptions(command).map(zshOption),
        zshQuote("(-h --help)--help[show the help]"),
        ...(command.arguments ?? []).map((a) =>
          zshQuote(`${a.variadic ? "*" : ""}:${a.name}:_files`)
        ),
      ].join(" \\\n      ")
    } ;;`
  );
  const described = (entries: [string, string][]) =>
    entries.map(([word, text]) => zshQuote(`${word}:${text}`)).join(" ");
  return `#compdef llmgate
# zsh completion for llmgate: put it into a directory of $fpath as _llmgate
_llmgate() {
  local command=$words[2]
  if (( CURRENT == 2 )); then
    local -a all; all=(${described(firstEntries(commands))})
    _describe command all
    return
  fi
${
    groups(commands).map((word) =>
      `  if [[ $command == ${word} ]]; then
    if (( CURRENT == 3 )); then
      local -a all; all=(${
        described(
          commands.filter((c) => c.name.startsWith(`${word} `)).map((
            c,
          ) => [c.name.slice(word.length + 1), c.summary]),
        )
      })
      _describe command all
      return
    fi
    command="$command $words[3]"
    words=("\${(@)words[1]}" "\${(@)words[3,-1]}"); (( CURRENT-- ))
  fi
`
    ).join("")
  }  words=("\${(@)words[2,-1]}"); (( CURRENT-- ))
  case $command in
${cases.join("\n")}
  esac
}
_llmgate "$@"
`;
}

function zshOption(option: AnyOption): string {
  const name = longName(option);
  const takesValue = /[<[]/.test(option.flags);
  const action = option.completes === undefined
    ? ""
    : option.completes === "file"
    ? "_files"
    : option.completes === "directory"
    ? "_files -/"
    : `(${option.completes.join(" ")})`;
  const text = option.description.replaceAll(/[[\]]/g, "").replaceAll(":", "\\:");
  return zshQuote(
    `${option.repeatable ? "*" : ""}${name}${takesValue ? "=" : ""}[${text}]${
      takesValue ? `:value:${action}` : ""
    }`,
  );
}

function zshQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fish(commands: readonly Command[]): string {
  const lines = [
    "# fish completion for llmgate: put it into ~/.config/fish/completions/llmgate.fish",
    "complete -c llmgate -f",
    ...firstEntries(commands).map(([word, text]) =>
      `complete -c llmgate -n __fish_use_subcommand -a ${word} -d ${fishQuote(text)}`
    ),
  ];
  for (const command of commands) {
    const [first = "", second] = command.name.split(" ");
    const seen = `__fish_seen_subcommand_from ${first}`;
    if (second !== undefined) {
      const others = secondWords(commands, first).join(" ");
      lines.push(
        `complete -c llmgate -n '${seen}; and not __fish_seen_subcommand_from ${others}' -a ${second} -d ${
          fishQuote(command.summary)
        }`,
      );
    }
    const condition = second === undefined
      ? seen
      : `${seen}; and __fish_seen_subcommand_from ${second}`;
    for (const option of shownOptions(command)) {
      const takesValue = /[<[]/.test(option.flags);
      const values = option.completes === "file"
        ? " -rF"
        : option.completes === "directory"
        ? " -ra '(__fish_complete_directories)'"
        : option.completes !== undefined
        ? ` -xa ${fishQuote(option.completes.join(" "))}`
        : takesValue
        ? " -x"
        : "";
      lines.push(
        `complete -c llmgate -n '${condition}' -l ${longName(option).slice(2)}${values} -d ${
          fishQuote(option.description)
        }`,
      );
    }
    if ((command.arguments ?? []).length > 0) {
      lines.push(`complete -c llmgate -n '${condition}' -F`);
    }
  }
  return `${lines.join("\n")}\n`;
}

function fishQuote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/** First words of two-word commands: `envoy`. */
function groups(commands: readonly Command[]): string[] {
  const words = commands.filter((c) => c.name.includes(" ")).map((c) => c.name.split(" ")[0] ?? "");
  return [...new Set(words)];
}

function firstWords(commands: readonly Command[]): string[] {
  return firstEntries(commands).map(([word]) => word);
}

function firstEntries(commands: readonly Command[]): [string, string][] {
  const entries = new Map<string, string>();
  for (const { name, summary } of commands) {
    const [first = "", second] = name.split(" ");
    if (second === undefined) entries.set(first, summary);
    else if (!entries.has(first)) {
      entries.set(first, `commands: ${secondWords(commands, first).join(", ")}`);
    }
  }
  return [...entries];
}

function secondWords(commands: readonly Command[], first: string): string[] {
  return commands.filter((c) => c.name.startsWith(`${first} `)).map((c) =>
    c.name.slice(first.length + 1)
  );
}

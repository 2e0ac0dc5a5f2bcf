/** Writes the help of the program and of each command. */
import type { Argument, Command } from "../command.ts";
import type { AnyOption } from "../../options/mod.ts";
import { COMMANDS, type Entry, GROUPS } from "../table.ts";
import type { Style } from "../style.ts";

/** The overview: every command in one line. */
export function overview(style: Style): string {
  const width = Math.max(...COMMANDS.map((entry) => entry.name.length)) + 2;
  const groups = GROUPS.map((group) => {
    const lines = COMMANDS.filter((entry) => entry.group === group)
      .map((entry) => `  ${style.good(entry.name.padEnd(width))}${entry.summary}`);
    return `${style.bold(`${group}:`)}\n${lines.join("\n")}`;
  });
  return `A real Envoy, a policy stub and a mock OpenAI upstream, and the proof that they hold together.

${style.bold("Usage:")} llmgate <command> [options]

${groups.join("\n\n")}

${style.bold("Examples:")}
  llmgate dev                               the whole stack on http://127.0.0.1:8080
  llmgate demo                              allow, stream and deny, shown
  llmgate check                             every promise, judged on a stack of its own
  llmgate check --gateway https://gw.test   the same, on somebody else's gateway

"llmgate <command> --help" explains a command, "llmgate help topics" lists what else is explained.
`;
}

/** The commands below a word that is no command by itself (`envoy`). */
export function groupHelp(word: string, entries: readonly Entry[], style: Style): string {
  const width = Math.max(...entries.map((entry) => entry.name.length)) + 2;
  const lines = entries.map((entry) => `  ${style.good(entry.name.padEnd(width))}${entry.summary}`);
  return `${style.bold("Usage:")} llmgate ${word} <command> [options]\n\n${lines.join("\n")}\n`;
}

/** The help of one command, `columns` wide at most. */
export function commandHelp(command: Command, style: Style, columns: number): string {
  const width = Math.max(40, Math.min(columns, 100));
  const parts = [
    `${capitalised(command.summary)}.`,
    ...(command.description === undefined
      ? []
      : command.description.trim().split(/\n\n+/).map((text) => wrap(unfold(text), width, ""))),
    `${style.bold("Usage:")} ${usageLine(command)}`,
  ];
  const args = (command.arguments ?? []).map((a): [string, string] => [a.name, a.description]);
  if (args.length > 0) parts.push(section("Arguments", args, style, width));
  for (const [title, options] of sectionsOf(command)) {
    const rows = options.map((o): [string, string] => [o.flags, optionText(o)]);
    if (title === OPTIONS) rows.push(["-h, --help", "show this"]);
    parts.push(section(title, rows, style, width));
  }
  if (command.examples.length > 0) {
    const lines = command.examples.map((e) =>
      `  ${style.good(e.command)}\n      ${style.dim(e.explains)}`
    );
    parts.push(`${style.bold("Examples:")}\n${lines.join("\n")}`);
  }
  return `${parts.join("\n\n")}\n`;
}

/** Heading of the options that belong to no section of their own. */
const OPTIONS = "Options";

/** The options by the heading under which they stand, the common ones first. */
function sectionsOf(command: Command): Map<string, AnyOption[]> {
  const sections = new Map<string, AnyOption[]>([[OPTIONS, []]]);
  for (const option of shownOptions(command)) {
    const title = option.section ?? OPTIONS;
    sections.set(title, [...sections.get(title) ?? [], option]);
  }
  return sections;
}

/** `llmgate lint [options] <target>` */
export function usageLine(command: Command): string {
  const args = (command.arguments ?? []).map(argumentText);
  return ["llmgate", command.name, "[options]", ...args].join(" ");
}

/** The options that help, completion and the manual show. */
export function shownOptions(command: Command): AnyOption[] {
  return Object.values(command.options).filter((option) => !option.hidden);
}

/** Description with the values of a choice, default and environment variable. */
export function optionText(option: AnyOption): string {
  const notes = [
    ...(Array.isArray(option.completes) ? [option.completes.join(", ")] : []),
    ...(option.defaultText === undefined ? [] : [`default: ${option.defaultText}`]),
    ...(option.env === undefined ? [] : [`environment: ${option.env}`]),
  ];
  return notes.length === 0 ? option.description : `${option.description} (${notes.join("; ")})`;
}

function argumentText({ name, required, variadic }: Argument): string {
  const text = `${name.toUpperCase()}${variadic ? "..." : ""}`;
  return required ? text : `[${text}]`;
}

function section(title: string, rows: [string, string][], style: Style, width: number): string {
  const column = Math.min(34, Math.max(...rows.map(([left]) => left.length)) + 4);
  const lines = rows.map(([left, right]) => {
    const text = wrap(right, width - column, " ".repeat(column));
    const gap = left.length + 4 > column
      ? `\n${" ".repeat(column)}`
      : " ".repeat(column - left.length - 2);
    return `  ${style.good(left)}${gap}${text}`;
  });
  return `${style.bold(`${title}:`)}\n${lines.join("\n")}`;
}

function wrap(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join(`\n${indent}`);
}

function unfold(text: string): string {
  return text.split("\n").map((line) => line.trim()).join(" ");
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

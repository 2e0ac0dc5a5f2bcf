/** Writes the manual page. */
import type { Command } from "../command.ts";
import { optionText, shownOptions, usageLine } from "./help_text.ts";
import { loadCommands } from "../load.ts";
import { TOPICS } from "./topics.ts";
import { VERSION } from "../version.ts";

/** The manual page llmgate(1) of every command, in the man macros (groff_man(7)). */
export async function manualPage(): Promise<string> {
  const commands = await loadCommands();
  const parts = [
    `.TH LLMGATE 1 "" "llmgate ${VERSION}" "User Commands"`,
    ".SH NAME",
    "llmgate \\- dev gateway harness for OpenAI\\-compatible traffic on a real Envoy",
    ".SH SYNOPSIS",
    ".B llmgate",
    "\\fIcommand\\fR [\\fIoptions\\fR]",
    ".SH COMMANDS",
    ...commands.map(commandPart),
    ...TOPICS.map((topic) =>
      `.SH ${roff(topic.title.toUpperCase())}\n.nf\n${roff(topic.text())}.fi`
    ),
  ];
  return `${parts.join("\n")}\n`;
}

function commandPart(command: Command): string {
  const lines = [`.SS ${roff(usageLine(command))}`, `${roff(command.summary)}.`];
  for (const paragraph of (command.description ?? "").trim().split(/\n\n+/)) {
    if (paragraph !== "") lines.push(".PP", roff(paragraph.replaceAll(/\s*\n\s*/g, " ")));
  }
  for (const { name, description } of command.arguments ?? []) {
    lines.push(".TP", `\\fI${roff(name.toUpperCase())}\\fR`, roff(description));
  }
  for (const option of shownOptions(command)) {
    lines.push(".TP", `\\fB${roff(option.flags)}\\fR`, roff(optionText(option)));
  }
  for (const { command: line, explains } of command.examples) {
    lines.push(".TP", `\\fB${roff(line)}\\fR`, roff(explains));
  }
  return lines.join("\n");
}

/** Escapes what roff would take as its own: backslashes, hyphens, dots or quotes that begin a line, and what is not ASCII. */
function roff(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll(/^(?=[.'])/gm, "\\&")
    .replaceAll(/\P{ASCII}/gu, (character) => {
      const code = character.codePointAt(0) ?? 0;
      return `\\[u${code.toString(16).toUpperCase().padStart(4, "0")}]`;
    });
}

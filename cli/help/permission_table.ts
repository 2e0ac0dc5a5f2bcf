/** Writes the table of permissions in README.md. */
import { PERMISSION_CLASSES } from "../command.ts";
import { loadCommands } from "../load.ts";

/** Command by permission class, as a Markdown table; README.md holds a copy, which a test compares. */
export async function permissionTable(): Promise<string> {
  const commands = await loadCommands();
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const head = ["command", ...PERMISSION_CLASSES];
  const rows = commands.map(({ name, permissions }) =>
    row([`\`${name}\``, ...PERMISSION_CLASSES.map((one) => permissions.includes(one) ? "yes" : "")])
  );
  return [row(head), row(head.map(() => "---")), ...rows].join("\n");
}

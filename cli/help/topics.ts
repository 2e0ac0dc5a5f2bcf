/** Topics of `llmgate help`, taken from README.md. */
import readme from "../../README.md" with { type: "text" };

/** A section of README.md that `llmgate help NAME` prints. */
export interface Topic {
  readonly name: string;
  /** The section's heading in README.md. */
  readonly title: string;
  text(): string;
}

/** Word → heading. A test holds every heading to exist. */
const HEADINGS: readonly [string, string][] = [
  ["start", "Start"],
  ["judge", "Judge it"],
  ["swap", "Swap the parts"],
  ["addresses", "Addresses"],
  ["exit-codes", "Exit codes"],
  ["binary", "One binary"],
  ["permissions", "Permissions"],
  ["environment", "Environment"],
];

/** The list of `llmgate help topics`. */
export const TOPICS: readonly Topic[] = HEADINGS.map(([name, title]) => ({
  name,
  title,
  text: () => section(title),
}));

/** The section under a heading, up to the next heading of the same or a higher level; empty when there is none. */
export function section(title: string, text: string = readme): string {
  const lines = text.split("\n");
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, "") === title);
  if (start < 0) return "";
  const level = /^#+/.exec(lines[start] ?? "")?.[0].length ?? 1;
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => {
    const mark = /^(#+) /.exec(line)?.[1];
    return mark !== undefined && mark.length <= level;
  });
  return `${rest.slice(0, end < 0 ? undefined : end).join("\n").trim()}\n`;
}

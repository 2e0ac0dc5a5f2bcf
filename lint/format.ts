/** Findings as text for people. */
import type { LintResult } from "./lint.ts";
import type { Finding } from "./rule.ts";

/** How many equal findings are shown before the rest are counted. */
const SHOWN = 3;
/** How many places of the rest are listed. */
const LISTED = 5;

/**
 * Prints findings for people: place, what, why, how to mend it, and the case that shows it. Many findings of one rule
 * are shown as one block with their places, unless `all` are asked for.
 */
export function formatFindings(
  { findings, notes, suppressed = [] }:
    & Pick<LintResult, "findings" | "notes">
    & Partial<LintResult>,
  name: string,
  { all = false }: { readonly all?: boolean } = {},
): string {
  const groups = Map.groupBy(findings, ({ id }) => id);
  const blocks = [...groups.values()].flatMap((group) =>
    all || group.length <= SHOWN
      ? group.map((finding) => block([finding], name))
      : [block(group, name)]
  );
  const known = suppressed.length === 0
    ? []
    : [`note: ${suppressed.length} known findings are left out\n`];
  return [...blocks, ...notes.map((note) => `note: ${note}\n`), ...known].join("\n");
}

function block(group: readonly Finding[], name: string): string {
  const [first, ...rest] = group;
  if (first === undefined) return "";
  const shown = first.case === undefined ? "" : `\n  shown by: llmgate check --case ${first.case}`;
  return `${
    placeOf(first, name)
  }: ${first.severity}: ${first.id}: ${first.found}\n  at: ${first.path}\n` +
    `${others(rest)}  why: ${first.why}\n  fix: ${first.fix}${shown}\n`;
}

function others(rest: readonly Finding[]): string {
  if (rest.length === 0) return "";
  const listed = rest.slice(0, LISTED).map(({ line, found }) =>
    `    ${line === undefined ? "" : `line ${line}: `}${found}\n`
  );
  const more = rest.length > LISTED ? `    … (--all lists them)\n` : "";
  return `  and ${rest.length} more like it:\n${listed.join("")}${more}`;
}

function placeOf({ line, column }: Finding, name: string): string {
  return line === undefined ? name : `${name}:${line}:${column}`;
}

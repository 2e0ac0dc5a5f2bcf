/** Findings that somebody knows of and has a reason for: in the file itself, or in a list. */
import { compileGlob } from "../patterns/mod.ts";
import { UsageError } from "../service/mod.ts";
import type { Finding } from "./rule.ts";

/** One entry of a list of known findings. */
export interface KnownFinding {
  /** Rule id or glob: `edge.*`. */
  readonly rule: string;
  /** Path or glob; any when left out. */
  readonly path?: string;
  readonly reason: string;
  /** Line in the list, for messages. */
  readonly line: number;
}

/** A finding with the reason that accounts for it. */
export interface Suppressed extends Finding {
  readonly reason: string;
}

/** A mark in the linted text: `# llmgate:ignore RULE  reason`. */
export interface Mark {
  readonly rule: string;
  readonly reason: string;
  readonly line: number;
  /** The line that it speaks of: its own, or the next one that is no comment. */
  readonly of: number;
}

const MARK = /#\s*llmgate:ignore\s+([\w.*-]+):?[ \t]*(.*)$/;

/**
 * Reads a list of known findings: one `rule.id [path]  # reason` per line; both take `*`. Blank lines and lines that
 * start with `#` are comments.
 *
 * @throws {UsageError} with the line, when an entry has no reason
 */
export function parseKnownFindings(text: string, file = "known findings"): KnownFinding[] {
  return text.split(/\r?\n/).flatMap((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return [];
    const [, rule = "", path, reason = ""] = /^(\S+)(?:\s+([^#\s]\S*))?\s+#\s*(\S.*)$/.exec(line) ??
      [];
    if (reason === "") {
      throw new UsageError(
        `Cannot read "${file}" line ${
          index + 1
        }: expected \`rule.id [path]  # reason\`: current value is "${line}"`,
      );
    }
    return [{ rule, reason, line: index + 1, ...(path === undefined ? {} : { path }) }];
  });
}

/** Finds the marks of a YAML text. */
export function suppressionsIn(text: string): Mark[] {
  if (!text.includes("llmgate:ignore")) return [];
  const lines = text.split(/\r?\n/);
  return lines.flatMap((content, index): Mark[] => {
    const [, rule, reason = ""] = MARK.exec(content) ?? [];
    if (rule === undefined) return [];
    const own = !content.trimStart().startsWith("#");
    let next = index;
    while (!own && next < lines.length && /^\s*(#.*)?$/.test(lines[next] ?? "")) next++;
    return [{ rule, reason: reason.trim(), line: index + 1, of: next + 1 }];
  });
}

/**
 * Removes findings that a mark or a list accounts for. A mark without a reason does nothing, and one that matches
 * nothing is said in a note, so that neither outlives what it was for.
 */
export function suppress(
  findings: readonly Finding[],
  { known, marks }: { readonly known: readonly KnownFinding[]; readonly marks: readonly Mark[] },
): { findings: Finding[]; suppressed: Suppressed[]; notes: string[] } {
  const notes = marks.filter(({ reason }) => reason === "").map(({ rule, line }) =>
    `Line ${line}: "llmgate:ignore ${rule}" gives no reason, and does nothing`
  );
  const used = new Set<KnownFinding | Mark>();
  const reasonFor = (finding: Finding): string | undefined => {
    const entry =
      marks.find((mark) =>
        mark.reason !== "" && mark.of === finding.line && compileGlob(mark.rule)(finding.id)
      ) ?? known.find(({ rule, path }) =>
        compileGlob(rule)(finding.id) && (path === undefined || compileGlob(path)(finding.path))
      );
    if (entry !== undefined) used.add(entry);
    return entry?.reason;
  };
  const kept: Finding[] = [];
  const suppressed: Suppressed[] = [];
  for (const finding of findings) {
    const reason = reasonFor(finding);
    if (reason === undefined) kept.push(finding);
    else suppressed.push({ ...finding, reason });
  }
  for (const mark of marks) {
    if (mark.reason !== "" && !used.has(mark)) {
      notes.push(`Line ${mark.line}: "llmgate:ignore ${mark.rule}" matches no finding`);
    }
  }
  for (const entry of known) {
    if (!used.has(entry)) {
      notes.push(`Known finding "${entry.rule}" (line ${entry.line}) matches no finding`);
    }
  }
  return { findings: kept, suppressed, notes };
}

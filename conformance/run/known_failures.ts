/** Reads lists of known failures, and marks the cases on them. */
import { UsageError } from "../../service/mod.ts";
import type { ReportCase } from "../report/report.ts";
import { globOfCases } from "./select.ts";

/** A case that is known not to pass on this target, and why. */
export interface KnownFailure {
  /** Case id or glob. */
  pattern: string;
  reason: string;
  /** Line in the file, for messages. */
  line: number;
}

/**
 * Reads a known-failures file: one `case.id  # reason` per line; blank lines and lines that start
 * with `#` are comments.
 *
 * @throws {UsageError} with the line, when an entry has no reason
 */
export function parseKnownFailures(text: string, file = "known-failures"): KnownFailure[] {
  return text.split(/\r?\n/).flatMap((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return [];
    const match = /^(\S+)\s+#\s*(\S.*)$/.exec(line);
    if (!match) {
      throw new UsageError(
        `Cannot read "${file}" line ${
          index + 1
        }: expected \`case.id  # reason\`: current value is "${line}"`,
      );
    }
    return [{ pattern: match[1] ?? "", reason: match[2] ?? "", line: index + 1 }];
  });
}

/**
 * Marks the cases that are known to fail. An entry that matches no case, or whose cases all pass,
 * is stale: it is a problem, so that the list stays true.
 */
export function matchKnownFailures(
  cases: readonly ReportCase[],
  known: readonly KnownFailure[],
): { cases: ReportCase[]; problems: string[] } {
  const problems: string[] = [];
  const reasons = new Map<string, string>();
  for (const { pattern, reason, line } of known) {
    const isMeant = globOfCases(pattern);
    const matching = cases.filter(({ id }) => isMeant(id));
    const missed = matching.filter(({ status }) => status === "fail" || status === "warn");
    const judged = matching.filter(({ status }) =>
      status === "pass" || status === "fail" || status === "warn"
    );
    if (matching.length === 0) {
      problems.push(`Known failure "${pattern}" (line ${line}) matches no case of this run`);
    } else if (judged.length > 0 && missed.length === 0) {
      problems.push(`Known failure "${pattern}" (line ${line}) is stale: the case passes now`);
    }
    for (const { id } of missed) reasons.set(id, reason);
  }
  const marked = cases.map((one) => {
    const reason = reasons.get(one.id);
    return reason === undefined ? one : { ...one, known_failure: reason };
  });
  return { cases: marked, problems };
}

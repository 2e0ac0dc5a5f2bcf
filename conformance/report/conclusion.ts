/** The conclusion of a run, in sentences for whoever reads only those. */
import type { Report, ReportCase } from "./report.ts";
import { INTERRUPTED } from "../verdict/verdict.ts";

/** Says that a run was ended before its end, and what that leaves open. */
export function sayInterrupted(
  { reason, after_ms }: NonNullable<Report["interrupted"]>,
  cases: readonly ReportCase[],
): string {
  const open = cases.filter((one) => one.reason.startsWith(INTERRUPTED)).length;
  return `${reason} after ${seconds(after_ms)}: ${count(open, "case")} not measured (interrupted)`;
}

/** Returns one sentence on what the run shows about the MUST requirements, and what it leaves open. */
export function concludes(
  cases: readonly ReportCase[],
  interrupted: Report["interrupted"],
): string {
  const musts = cases.filter(({ level }) => level === "must");
  const of = (status: ReportCase["status"]) => musts.filter((one) => one.status === status);
  const failed = of("fail").filter(({ known_failure }) => known_failure === undefined);
  const known = of("fail").length - failed.length;
  const judged = of("pass").length + of("fail").length;
  const parts = [
    judged === 0
      ? "No MUST requirement could be measured"
      : failed.length === 0
      ? `All ${judged} MUST requirements that were measured hold`
      : `${failed.length} of ${judged} MUST requirements that were measured are not met`,
    ...(known > 0 ? [`${known} more fail as known`] : []),
    ...(judged > 0 && musts.length > judged
      ? [`${musts.length - judged} were not measured here`]
      : []),
    ...(interrupted ? ["the run was interrupted"] : []),
  ];
  return `${parts.join("; ")}.`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? " is" : "s are"}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** Judges one gateway on several versions of Envoy and prints where verdicts differ. */
import {
  disagreements,
  exitCode,
  renderDisagreements,
  type Report,
} from "../../conformance/mod.ts";
import { EXIT } from "../command.ts";

/** Verdicts of the suite on the same gateway, by version of Envoy. */
export interface VersionRuns {
  readonly versions: readonly string[];
  /** One for each version, in the same order. */
  readonly reports: readonly Report[];
}

/**
 * Runs the suite once for each version, one after another: side by side they would take each
 * other's time, and a verdict would depend on the neighbour.
 */
export async function runVersions(
  versions: readonly string[],
  run: (version: string) => Promise<Report>,
): Promise<VersionRuns> {
  const reports: Report[] = [];
  for (const version of versions) reports.push(await run(version));
  return { versions, reports };
}

/** The exit code of the worst run; that verdicts differ is a finding and no failure. */
export function versionsExitCode(
  { reports }: VersionRuns,
  options: { strict: boolean },
): number {
  const codes = reports.map((report) => exitCode(report, options));
  const worst = [EXIT.failed, EXIT.internal, EXIT.usage];
  return worst.find((code) => codes.some((one) => one === code)) ?? EXIT.ok;
}

/** Returns the comparison as a table: a line per version, then the cases that differ. */
export function renderVersions(
  { versions, reports }: VersionRuns,
  options: { colour: boolean },
): string {
  const lines = reports.map(({ summary, duration_ms }, n) =>
    `Envoy ${versions[n]}: ${summary.passed} passed, ${summary.failed} failed, ` +
    `${summary.warned} warned, of ${summary.cases} cases, in ${(duration_ms / 1000).toFixed(1)} s`
  );
  return `${lines.join("\n")}\n\n${renderDisagreements(versions, reports, options)}`;
}

/** Returns the comparison as one JSON object, the reports in it. */
export function versionsJson({ versions, reports }: VersionRuns): string {
  const differing = disagreements(reports).map(({ statuses, reasons, ...one }) => ({
    ...one,
    verdicts: Object.fromEntries(
      versions.map((version, n) => [version, { status: statuses[n], reason: reasons[n] }]),
    ),
  }));
  return JSON.stringify({ schema: "llmgate.versions/v1", versions, differing, reports });
}

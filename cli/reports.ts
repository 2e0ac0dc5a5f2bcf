import { parseReport, type Report, REPORT_FORMATS } from "../conformance/mod.ts";
import { messageOf, UsageError } from "../service/mod.ts";

/** The endings that a report's file may have; each is a format. */
export const REPORT_ENDINGS = Object.keys(REPORT_FORMATS);

/**
 * Makes sure that every report can be rendered, before the suite runs.
 *
 * @throws {UsageError} that lists the endings, for another one
 */
export function assertReportFormats(paths: readonly string[]): void {
  for (const path of paths) rendererOf(path);
}

/**
 * Writes one report, or several runs as one, to each path in the format that its ending names.
 *
 * @throws {UsageError} when a file cannot be written
 */
export async function writeReports(
  report: Report | readonly Report[],
  paths: readonly string[],
): Promise<void> {
  const reports = "schema" in report ? [report] : report;
  for (const path of paths) {
    try {
      await Deno.writeTextFile(path, rendererOf(path)(reports));
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new UsageError(`Cannot write the report "${path}": ${messageOf(error)}`);
    }
  }
}

/**
 * Reads a report that was written as JSON.
 *
 * @throws {UsageError} that names file and field, when it cannot be read or is none
 */
export async function readReport(path: string): Promise<Report> {
  try {
    return parseReport(await Deno.readTextFile(path));
  } catch (error) {
    throw new UsageError(`Cannot read the report "${path}": ${messageOf(error)}`);
  }
}

function rendererOf(path: string) {
  const render = REPORT_FORMATS[/\.[a-z]+$/.exec(path)?.[0] ?? ""];
  if (render === undefined) {
    throw new UsageError(
      `Cannot write the report "${path}": its ending must be one of ${REPORT_ENDINGS.join(", ")}`,
    );
  }
  return render;
}

/** Writes the reports of a run, each in the format that its file's ending names. */
import { parseReport, type Report, REPORT_FORMATS } from "../../conformance/mod.ts";
import { type Log, messageOf, readTextFile, silent, UsageError } from "../../service/mod.ts";

/** The endings that a report's file may have; each is a format. */
export const REPORT_ENDINGS = Object.keys(REPORT_FORMATS);

/**
 * Makes sure that every report can be rendered and written, before the suite runs. A file that is not there yet is made
 * and taken away again.
 *
 * @throws {UsageError} that lists the endings, for another one, or says why the file cannot be written
 */
export async function assertReportsWritable(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    rendererOf(path);
    try {
      const isNew = await Deno.stat(path).then(() => false, () => true);
      (await Deno.open(path, { append: true, create: true })).close();
      if (isNew) await Deno.remove(path);
    } catch (error) {
      throw new UsageError(`Cannot write the report "${path}": ${messageOf(error)}`);
    }
  }
}

/**
 * Writes one report, or several runs as one, to each path in the format that its ending names.
 *
 * @throws {UsageError} when a file cannot be written
 */
export async function writeReports(
  report: Report | readonly Report[],
  paths: readonly string[],
  log: Log = silent,
): Promise<void> {
  const reports = "schema" in report ? [report] : report;
  for (const path of paths) {
    try {
      await Deno.writeTextFile(path, rendererOf(path)(reports));
      log(`wrote ${path}`);
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
    return parseReport(await readTextFile(path));
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

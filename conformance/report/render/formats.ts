/** The formats of a report. */
import { type Report, reportSchema } from "../report.ts";
import { renderHtml } from "./html.ts";
import { renderJunit } from "./junit.ts";
import { renderMarkdown } from "./markdown.ts";
import { renderTap } from "./tap.ts";

/** Renders one or several reports as text. */
export type Renderer = (reports: readonly Report[]) => string;

/** Every format of a report by the ending of its file; JSON is the canonical one. */
export const REPORT_FORMATS: Readonly<Record<string, Renderer>> = {
  ".json": renderJson,
  ".xml": renderJunit,
  ".tap": renderTap,
  ".md": renderMarkdown,
  ".html": renderHtml,
};

/** Returns the report as JSON; several as an array. */
function renderJson(reports: readonly Report[]): string {
  const checked = reports.map((report) => reportSchema.parse(report));
  return `${JSON.stringify(checked.length === 1 ? checked[0] : checked, null, 2)}\n`;
}

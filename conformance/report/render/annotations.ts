/** Writes a report as GitHub annotations. */
import type { Report } from "../report.ts";

/** Returns GitHub workflow commands: an error per failed case, a warning per missed SHOULD. */
export function renderAnnotations(report: Report): string[] {
  return report.cases.flatMap((one) => {
    if (one.known_failure !== undefined) return [];
    if (one.status !== "fail" && one.status !== "warn") return [];
    const kind = one.status === "fail" ? "error" : "warning";
    const first = one.checks.find(({ ok }) => !ok);
    const seen = first
      ? `${first.name}: expected ${JSON.stringify(first.expected)}, observed ${
        JSON.stringify(first.observed)
      }`
      : one.reason;
    const title = `${one.id} (${one.level})`;
    return [`::${kind} title=${data(title, true)}::${data(`${one.requirement}\n${seen}`)}`];
  });
}

/** Escapes for workflow commands; properties also escape ":" and ",". */
function data(text: string, property = false): string {
  const escaped = text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  return property ? escaped.replaceAll(":", "%3A").replaceAll(",", "%2C") : escaped;
}

/** Says for each case that did not pass which fault of the configuration causes it, and the fix. */
import type { Report } from "../../conformance/mod.ts";
import { loadModule } from "../../service/mod.ts";

/** Rules that are named for one case: more would not be read. */
const MOST = 3;

/**
 * Adds to each case that did not pass the rules of lint that are about it. Where the configuration is known, those that
 * found something in it come first, with the place; a rule that found nothing is named only when none did.
 *
 * @param configFile path of the configuration that was judged
 */
export async function addFixes(report: Report, configFile: string | undefined): Promise<void> {
  const bad = report.cases.filter(({ status }) => status === "fail" || status === "warn");
  if (bad.length === 0) return;
  const { LINT_RULES, lintEnvoyConfig } = await loadModule<typeof import("../../lint/mod.ts")>(
    "lint/mod.ts",
  );
  const found = configFile === undefined
    ? []
    : await findings(configFile, (text, name) => lintEnvoyConfig(text, { name }));
  for (const one of bad) {
    const about = LINT_RULES.filter((rule) => rule.case === one.id || rule.also?.includes(one.id));
    const rules = new Set(about.map(({ id }) => id));
    const hits = found.filter((hit) => hit.case === one.id || rules.has(hit.id));
    const lint = hits.length > 0
      ? hits.map(({ id, fix, found, line, path }) => ({
        ...{ rule: id, fix, found },
        place: line === undefined ? path : `line ${line}, ${path}`,
      }))
      : configFile === undefined
      ? about.map(({ id, fix }) => ({ rule: id, fix }))
      : [];
    if (lint.length > 0) one.lint = lint.slice(0, MOST);
  }
}

type Findings = Awaited<ReturnType<typeof import("../../lint/mod.ts").lintEnvoyConfig>>;

async function findings(
  file: string,
  lint: (text: string, name: string) => Promise<Findings>,
): Promise<Findings["findings"]> {
  try {
    return (await lint(await Deno.readTextFile(file), file)).findings;
  } catch {
    // A file that lint cannot read was judged all the same.
    return [];
  }
}

// deno-lint-ignore-file no-console -- a program of its own
/**
 * Runs the whole suite, journeys through a real Envoy included, and ends with `N passed, N failed[, N skipped]`, counted
 * from the JUnit report of `deno test`. Arguments go to `deno test`: paths, `--filter`. The exit code is 0 only when at
 * least one test ran, none failed, and `deno test` itself was content.
 */
import { join } from "node:path";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Adds up the suites of a JUnit report (`<testsuite tests= failures= errors= disabled=|skipped=>`).
 * @throws {SyntaxError} when the text is no such report.
 */
export function countsOf(xml: string): Counts {
  const suites = [...xml.matchAll(/<testsuite\s([^>]*)>/g)].map((match) => match[1] ?? "");
  if (!xml.includes("<testsuites")) throw new SyntaxError("Cannot read the JUnit report");
  const sum = (name: string) =>
    suites.reduce(
      (total, text) => total + Number(new RegExp(`\\b${name}="(\\d+)"`).exec(text)?.[1] ?? 0),
      0,
    );
  const failed = sum("failures") + sum("errors");
  const skipped = sum("disabled") + sum("skipped");
  return { passed: sum("tests") - failed - skipped, failed, skipped };
}

export function closingLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`;
}

if (import.meta.main) {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-test-" });
  const report = join(folder, "junit.xml");
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-prompt", "--parallel", `--junit-path=${report}`, ...Deno.args],
    cwd: join(import.meta.dirname ?? ".", ".."),
    env: { DENO_NO_UPDATE_CHECK: "1" },
  }).spawn().status;
  const xml = await Deno.readTextFile(report).catch(() => "<testsuites></testsuites>");
  await Deno.remove(folder, { recursive: true });
  const counts = countsOf(xml);
  // A file that does not compile fails the run without being a test of the report.
  const failed = Math.max(counts.failed, code === 0 ? 0 : 1);
  console.log(closingLine({ ...counts, failed }));
  Deno.exit(failed === 0 && counts.passed > 0 ? 0 : 1);
}

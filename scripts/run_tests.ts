// deno-lint-ignore-file no-console -- a program of its own
/**
 * Runs the whole suite, journeys through a real Envoy included, and ends with where the time went, what was skipped and
 * why, and `N passed, N failed[, N skipped]`, all from the JUnit report of `deno test`. Arguments go to `deno test`:
 * paths, `--filter`. The exit code is 0 only when at least one test ran, none failed, and `deno test` itself was content.
 */
import { join } from "node:path";
import { closingLine, countsOf, skippedOf, slowest, testsOf } from "./test_report.ts";

/**
 * The longest files come first, so that none of them runs alone at the end. The list need only be roughly right; what a
 * run prints as slowest says how.
 */
const LONGEST = [
  "base/mutants",
  "binary/binary",
  "base/conformance",
  "edge/conformance",
  "foreign/gateway",
  "foreign/policy",
  "packages/packages",
  "export/export",
  "router/conformance",
  "envoy/lint_shown",
].map((name) => `tests/${name}_test.ts`);

/** How many files and tests are printed as the slowest. */
const NAMED = 10;

/** Tests wait for Envoy and for each other's answers: one file more than there are cores keeps the cores busy. */
const JOBS = Deno.env.get("DENO_JOBS") ?? String(navigator.hardwareConcurrency + 1);

if (import.meta.main) {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-test-" });
  const report = join(folder, "junit.xml");
  const isWhole = Deno.args.every((word) => word.startsWith("-"));
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["test", "-A", "--no-prompt", "--parallel", `--junit-path=${report}`],
      ...Deno.args,
      ...(isWhole ? [...LONGEST, "."] : []),
    ],
    cwd: join(import.meta.dirname ?? ".", ".."),
    env: { DENO_NO_UPDATE_CHECK: "1", DENO_JOBS: JOBS },
  }).spawn().status;
  const xml = await Deno.readTextFile(report).catch(() => "<testsuites></testsuites>");
  await Deno.remove(folder, { recursive: true });
  const counts = countsOf(xml);
  const tests = testsOf(xml);
  for (const line of [...slowest(tests, NAMED), ...skippedOf(tests)]) console.log(line);
  // A file that does not compile fails the run without being a test of the report.
  const failed = Math.max(counts.failed, code === 0 ? 0 : 1);
  console.log(closingLine({ ...counts, failed }));
  Deno.exit(failed === 0 && counts.passed > 0 ? 0 : 1);
}

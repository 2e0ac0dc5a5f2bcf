/** Summary of the JUnit report of a `deno test`: how many passed, which were left out and why, and where the time went. */

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

/** One test of a report, or one step of a test. */
export interface TimedTest {
  readonly file: string;
  /** The title; a step's has its test's before it, and `>` between. */
  readonly name: string;
  readonly seconds: number;
  readonly skipped: boolean;
}

/** Reads the tests of a JUnit report, in its order. */
export function testsOf(xml: string): TimedTest[] {
  const tests = xml.matchAll(
    /<testcase((?:\s+[\w-]+="[^"]*")*)\s*(?:\/>|>(.*?)<\/testcase>)/gs,
  );
  return [...tests].map(([, attributes = "", content = ""]) => {
    const value = (name: string) =>
      unescapeXml(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
    return {
      file: value("classname").replace(/^\.\//, ""),
      name: value("name"),
      seconds: Number(value("time")),
      skipped: content.includes("<skipped"),
    };
  });
}

/** The `count` slowest files and tests, a line each; loading a file is not counted. */
export function slowest(tests: readonly TimedTest[], count: number): string[] {
  // A test's time holds that of its steps.
  const whole = tests.filter(({ name }) => !name.includes(" > "));
  const files = [...Map.groupBy(whole, ({ file }) => file)].map(([name, own]) => ({
    name,
    seconds: own.reduce((sum, { seconds }) => sum + seconds, 0),
  }));
  const lines = (timed: readonly { name: string; seconds: number }[]) =>
    timed.toSorted((a, b) => b.seconds - a.seconds).slice(0, count)
      .map(({ name, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${name}`);
  return ["slowest files:", ...lines(files), "slowest tests:", ...lines(whole)];
}

/** The skipped tests, a line each; a title says why. */
export function skippedOf(tests: readonly TimedTest[]): string[] {
  const names = tests.filter(({ skipped }) => skipped).map(({ name }) => `  ${name}`);
  return names.length === 0 ? [] : ["skipped:", ...names];
}

function unescapeXml(text: string): string {
  const characters: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replaceAll(/&(\w+);/g, (whole, name) => characters[name] ?? whole);
}

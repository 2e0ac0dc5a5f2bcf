/** The report of a run, and its schema. */
import { z } from "zod";

/** The schema name in every report; a breaking change gets a new number. */
export const REPORT_SCHEMA = "llmgate.report/v1";

/** The set of cases and requirements that this version of the suite holds. */
export const CATALOGUE_REVISION = "2026-11";

const level = z.enum(["must", "should", "may"]);
const status = z.enum(["pass", "fail", "warn", "skip", "unsupported", "not-measured"]);
const protocol = z.enum(["h1", "h2c", "h3"]);

const check = z.object({
  name: z.string(),
  ok: z.boolean(),
  expected: z.unknown(),
  observed: z.unknown(),
}).describe("One comparison");

const traceLine = z.object({
  t: z.number().describe("Milliseconds since the first request of the case"),
  witness: z.enum(["client", "policy", "upstream", "envoy"]),
  text: z.string(),
});

const timeline = z.object({
  protocol,
  sent: z.array(z.number()).describe("When the upstream sent each event, milliseconds"),
  received: z.array(z.number()).describe("When the client got each event, milliseconds"),
});

const axis = z.object({
  protocol,
  status,
  duration_ms: z.number(),
  nonce: z.string().describe("Value that joins the witnesses' journals"),
});

const reportCase = z.object({
  id: z.string(),
  level,
  status,
  reason: z.string().describe("Why the status is what it is; empty for a pass"),
  duration_ms: z.number(),
  checks: z.array(check),
  source: z.string().describe("Where the requirement comes from"),
  requirement: z.string(),
  group: z.string(),
  control: z.enum(["none", "upstream", "policy", "both"]).describe("Least control needed"),
  witnesses: z.array(z.string()).describe("Who was heard"),
  axes: z.array(axis).describe("One entry per HTTP version and repetition"),
  trace: z.array(traceLine).optional().describe(
    "What each witness saw; shortened for a case that passed",
  ),
  beyond_control: z.boolean().optional().describe(
    "Not judged by choice: the run's control, or a flag that was not given, leaves it out",
  ),
  timeline: timeline.optional(),
  reproduce: z.string().optional().describe("A command that runs this case alone"),
  curl: z.string().optional(),
  lint: z.array(z.object({
    rule: z.string().describe("Rule of llmgate lint that finds the cause in a configuration"),
    fix: z.string(),
    found: z.string().optional().describe("What that rule found in the configuration judged"),
    place: z.string().optional().describe("Line and path in that configuration"),
  })).optional().describe(
    "For a case that did not pass: how the configuration causes it, and the fix",
  ),
  known_issue: z.string().optional().describe("A known difference of this Envoy version"),
  known_failure: z.string().optional().describe("Reason from the known-failures file"),
});

const summary = z.object({
  cases: z.number().int(),
  passed: z.number().int(),
  failed: z.number().int(),
  warned: z.number().int(),
  skipped: z.number().int(),
  unsupported: z.number().int(),
  not_measured: z.number().int(),
});

/** The canonical form of a run; every other format is a function of it. */
export const reportSchema = z.object({
  schema: z.literal(REPORT_SCHEMA),
  tool: z.object({
    name: z.string(),
    version: z.string(),
    commit: z.string().optional().describe("The tool's own commit, where it is known"),
  }),
  catalogue: z.string(),
  started_at: z.string().describe("ISO 8601, UTC"),
  duration_ms: z.number(),
  target: z.object({
    name: z.string(),
    url: z.string(),
    control: z.enum(["none", "upstream", "policy", "both"]),
    protocols: z.array(protocol),
    features: z.array(z.string()),
    envoy_version: z.string().optional(),
    facts: z.record(z.string(), z.string()).describe("Versions, hashes and addresses"),
  }),
  platform: z.object({ os: z.string(), arch: z.string(), runtime: z.string() }),
  run: z.object({
    seed: z.number().int(),
    time_scale: z.number(),
    repeat: z.number().int(),
    jobs: z.number().int(),
  }),
  reproduce: z.string().describe("The command line that repeats the run, credentials named only"),
  interrupted: z.object({ reason: z.string(), after_ms: z.number() }).optional().describe(
    "Set when the run was ended before its end: what did not run is not measured",
  ),
  conclusion: z.string().optional().describe("What the run shows, in a sentence"),
  summary,
  problems: z.array(z.string()).describe("Stale known failures, faults of the harness itself"),
  harness_faults: z.number().int(),
  cases: z.array(reportCase),
}).describe("A conformance run of llmgate");

/** A conformance run. */
export type Report = z.infer<typeof reportSchema>;

/** One case of a run. */
export type ReportCase = z.infer<typeof reportCase>;

/** Counts of a run. */
export type Summary = z.infer<typeof summary>;

/** Returns the published JSON Schema of a report (draft 2020-12). */
export function reportJsonSchema(): Record<string, unknown> {
  return {
    $id: "urn:llmgate:report:v1",
    title: REPORT_SCHEMA,
    ...z.toJSONSchema(reportSchema),
  };
}

/**
 * Returns a report read from JSON.
 *
 * @throws {SyntaxError} naming the first wrong field
 */
export function parseReport(text: string): Report {
  const parsed = reportSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new SyntaxError(
    `Cannot read the report: field "${issue?.path.join(".") ?? ""}": ${issue?.message ?? ""}`,
  );
}

/** Counts the cases by status. */
export function summarize(cases: readonly { status: ReportCase["status"] }[]): Summary {
  const count = (wanted: ReportCase["status"]) =>
    cases.filter(({ status }) => status === wanted).length;
  return {
    cases: cases.length,
    passed: count("pass"),
    failed: count("fail"),
    warned: count("warn"),
    skipped: count("skip"),
    unsupported: count("unsupported"),
    not_measured: count("not-measured"),
  };
}

/**
 * Returns the exit code of a run: 0 ok; 1 a MUST failed or a known failure is stale (with `strict`
 * a warning too); 2 no MUST case that was asked for could be measured; 4 a MUST that should have been measured was not,
 * or the harness is at fault.
 */
export function exitCode(report: Report, options: { strict?: boolean } = {}): 0 | 1 | 2 | 4 {
  const failed = report.cases.some(({ status, known_failure }) =>
    known_failure === undefined &&
    (status === "fail" || (options.strict === true && status === "warn"))
  );
  const stale = report.problems.some((problem) => problem.startsWith("Known failure"));
  if (failed || stale) return 1;
  if (report.harness_faults > 0) return 4;
  const missing = report.cases.some((one) =>
    one.level === "must" && one.status === "not-measured" && one.beyond_control !== true
  );
  if (missing || report.interrupted !== undefined) return 4;
  const measured = (status: string) => status === "pass" || status === "fail" || status === "warn";
  const musts = report.cases.filter(({ level }) => level === "must");
  const judged = musts.length > 0 ? musts : report.cases;
  return judged.some(({ status }) => measured(status)) ? 0 : 2;
}

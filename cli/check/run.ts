/** Runs the suite once, as the flags of `check` say. */
import { createHash } from "node:crypto";
import {
  type KnownFailure,
  parseKnownFailures,
  type Progress,
  type Report,
  runSuite,
  type Selection,
} from "../../conformance/mod.ts";
import { messageOf, readTextFile, UsageError } from "../../service/mod.ts";
import type { Context } from "../command.ts";
import { VERSION, versionFacts } from "../version.ts";
import { addFixes } from "./fixes.ts";
import { repetitionOf } from "./repeat.ts";
import { startCheckTarget } from "./target.ts";
import type { CheckTargetOptions } from "./target_options.ts";

/** The flags of one run: what is judged, by which cases, and how. */
export interface CheckOptions extends CheckTargetOptions {
  readonly case: readonly string[];
  readonly skip: readonly string[];
  readonly level: NonNullable<Selection["level"]>;
  readonly slow: boolean;
  readonly jobs: number;
  readonly repeat: number;
  readonly timeScale: number;
  readonly seed: number | undefined;
  readonly knownFailures: string | undefined;
}

/**
 * Starts what the flags describe, runs the suite against it and stops it again.
 *
 * @throws {UsageError} for flags or files that cannot be used
 * @throws {UnavailableError} when something cannot be reached or started
 */
export async function checkOnce(
  options: CheckOptions,
  context: Context<unknown, unknown>,
  onProgress: (event: Progress) => void = () => {},
  /** Called with the report while what was judged still runs. */
  whileUp: (report: Report) => Promise<void> = () => Promise.resolve(),
): Promise<Report> {
  const knownFailures = await readKnownFailures(options.knownFailures);
  const { commit } = await versionFacts(context.host.runtime, "");
  await using checked = await startCheckTarget(options, context);
  const executable = checked.target.envoy?.executable;
  const sha256 = executable === undefined ? undefined : sha256Of(executable);
  const report = await runSuite(checked.target, {
    case: options.case,
    skip: options.skip,
    level: options.level,
    slow: options.slow,
    cases: checked.cases,
    jobs: options.jobs,
    repeat: options.repeat,
    timeScale: options.timeScale,
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    knownFailures,
    signal: context.signal,
    version: VERSION,
    ...(commit !== null && { commit }),
    ...repetitionOf(context.words),
    onProgress,
  });
  await addFixes(report, options.envoyConfig);
  const envoy_sha256 = await sha256;
  if (envoy_sha256 !== undefined) report.target.facts.envoy_sha256 = envoy_sha256;
  await whileUp(report);
  return report;
}

/** SHA-256 of a program, in hex: what was judged is named beyond its version. `undefined` where it cannot be read. */
async function sha256Of(path: string): Promise<string | undefined> {
  try {
    const hash = createHash("sha256");
    using file = await Deno.open(path);
    for await (const chunk of file.readable) hash.update(chunk);
    return hash.digest("hex");
  } catch {
    return undefined;
  }
}

async function readKnownFailures(path: string | undefined): Promise<readonly KnownFailure[]> {
  if (path === undefined) return [];
  try {
    return parseKnownFailures(await readTextFile(path), path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`Cannot read the known failures "${path}": ${messageOf(error)}`);
  }
}

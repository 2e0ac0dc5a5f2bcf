import {
  type KnownFailure,
  parseKnownFailures,
  type Progress,
  type Report,
  runSuite,
  type Selection,
} from "../../conformance/mod.ts";
import { messageOf, UsageError } from "../../service/mod.ts";
import type { Context } from "../command.ts";
import { VERSION } from "../version.ts";
import { type CheckTargetOptions, startCheckTarget } from "./target.ts";

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
): Promise<Report> {
  const knownFailures = await readKnownFailures(options.knownFailures);
  await using checked = await startCheckTarget(options, context);
  return await runSuite(checked.target, {
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
    command: `llmgate check${options.profile === "base" ? "" : ` --profile ${options.profile}`}`,
    onProgress,
  });
}

async function readKnownFailures(path: string | undefined): Promise<readonly KnownFailure[]> {
  if (path === undefined) return [];
  try {
    return parseKnownFailures(await Deno.readTextFile(path), path);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`Cannot read the known failures "${path}": ${messageOf(error)}`);
  }
}

/** `llmgate check`: runs the conformance suite against a gateway. */
import {
  diffReports,
  exitCode,
  listCases,
  type Progress,
  progressLine,
  renderAnnotations,
  renderTerminal,
  type Selection,
} from "../../conformance/mod.ts";
import { profileKind } from "../../gateway/profiles/mod.ts";
import { renderMatrix, runSelfTest } from "../../mutants/mod.ts";
import { UsageError } from "../../service/mod.ts";
import { aborted, type Context, defineCommand, EXIT } from "../command.ts";
import { liveBlock } from "../check/live_block.ts";
import { checkOnce, type CheckOptions } from "../check/run.ts";
import { casesOf } from "../check/target.ts";
import { TARGET_OPTIONS } from "../check/target_options.ts";
import { renderVersions, runVersions, versionsExitCode, versionsJson } from "../check/versions.ts";
import { renderChanges, watchFiles, watchRuns } from "../check/watch.ts";
import {
  ENVOY_OPTIONS,
  envoyFromOptions,
  PART_OPTIONS,
  profileOption,
  RUN_OPTIONS,
  runParents,
} from "../flags/gateway.ts";
import {
  badValue,
  choiceOption,
  fileOption,
  flagOption,
  integerOption,
  type Option,
  positiveOption,
  repeated,
  textOption,
} from "../../options/mod.ts";
import { assertReportsWritable, writeReports } from "../check/reports.ts";

/** `--self-test` alone runs what each mutant is made for; `--self-test=full` every case on every mutant. */
const selfTestOption: Option<"expected" | "full" | undefined> = {
  flags: "--self-test [MODE]",
  description:
    "prove that the cases can fail, on gateways that are broken on purpose; full: all on all",
  parse(value, name) {
    if (value === "full") return "full";
    if (value === "") return "expected";
    throw badValue(name, 'must be "full" or nothing', value);
  },
  fallback: undefined,
  completes: ["full"],
};

/** One version, or several with commas between them. */
const versionsOption: Option<readonly string[]> = {
  ...ENVOY_OPTIONS.envoyVersion,
  flags: "--envoy-version <VERSION,...>",
  description: "Envoy version to use; several are judged one after another",
  parse(value, name) {
    const versions = value.split(",").map((version) => version.trim());
    if (versions.some((version) => !/^\d+\.\d+\.\d+$/.test(version))) {
      throw badValue(name, "must be versions such as 1.40.0, with commas between them", value);
    }
    return [...new Set(versions)];
  },
  fallback: [],
};

export const command = defineCommand({
  name: "check",
  summary: "run the conformance suite against a gateway",
  description:
    "Runs the cases against a stack of its own on free ports, with --policy or --upstream in place of its parts. A " +
    "MUST that fails gives exit code 1; a SHOULD only with --strict. What cannot be measured never counts as passed.",
  options: {
    case: repeated(textOption("--case <GLOB>", { description: "only these cases" })),
    skip: repeated(textOption("--skip <GLOB>", { description: "not these cases" })),
    level: choiceOption("--level <LEVEL>", {
      description: "weakest level to run",
      choices: ["must", "should", "may"],
      default: "may",
    }),
    strict: flagOption("--strict", { description: "a SHOULD that is missed fails the run" }),
    slow: flagOption("--slow", { description: "run the cases that take minutes, too" }),
    list: flagOption("--list", { description: "print the selected cases and stop" }),
    report: repeated(fileOption("--report <FILE>", {
      description: "write a report; the ending decides its format",
    })),
    knownFailures: fileOption("--known-failures <FILE>", {
      description: "cases that are known not to pass, each with a reason",
    }),
    repeat: integerOption("--repeat <N>", {
      description: "run every case N times",
      min: 1,
      default: 1,
    }),
    seed: integerOption("--seed <N>", { description: "seed of everything random", min: 0 }),
    jobs: integerOption("--jobs <N>", {
      description: "cases side by side",
      min: 1,
      max: 64,
      default: 8,
    }),
    timeScale: positiveOption("--time-scale <X>", {
      description: "stretch every deadline, for slow machines",
      default: 1,
    }),
    json: flagOption("--json", { description: "print the report as JSON instead of text" }),
    keep: flagOption("--keep", {
      description: "leave everything up after the run, for the curl lines; Ctrl-C ends it",
    }),
    selfTest: selfTestOption,
    watch: flagOption("--watch", {
      description: "run again when --rules, --envoy-config or --scenarios change",
    }),
    ...TARGET_OPTIONS,
    runDir: RUN_OPTIONS.runDir,
    profile: profileOption("judge"),
    ...PART_OPTIONS,
    ...ENVOY_OPTIONS,
    envoyVersion: versionsOption,
  },
  examples: [
    { command: "llmgate check", explains: "the bundled stack" },
    {
      command: "llmgate check --case 'sse.*' --report report.json",
      explains: "streaming, with a report",
    },
    {
      command: "llmgate check --envoy-version 1.36.4,1.37.0,1.40.0",
      explains: "on each of them, and where the verdicts differ",
    },
    { command: "llmgate check --rules rules.yaml --watch", explains: "again whenever they change" },
    { command: "llmgate check --list --level must", explains: "what would run" },
    {
      command: "llmgate check --gateway https://gw.test --allow-header 'x-api-key: KEY'",
      explains: "somebody else's gateway",
    },
    {
      command: "llmgate check --policy 127.0.0.1:9191",
      explains: "a policy engine, alone and behind our Envoy",
    },
    { command: "llmgate check --profile router", explains: "the model router, with its own cases" },
    {
      command: "llmgate check --profile responses --gateway http://localhost:8321 --model m",
      explains: "anybody's Responses server",
    },
    { command: "llmgate check --self-test", explains: "the suite itself, on broken gateways" },
  ],
  permissions: ["read", "write", "net", "env", "run", "sys"],
  async run(context) {
    const { options, host, print, log, signal } = context;
    const selection: Selection = {
      case: options.case,
      skip: options.skip,
      level: options.level,
      slow: options.slow,
    };
    if (options.list) {
      for (
        const { id, level, control, requirement } of listCases(await casesOf(options), selection)
      ) {
        print(`${id.padEnd(32)} ${level.padEnd(6)} ${control.padEnd(8)} ${requirement}`);
      }
      return EXIT.ok;
    }
    await assertReportsWritable(options.report);
    const [envoyVersion, ...others] = options.envoyVersion;
    const one = { ...options, envoyVersion };
    if (others.length > 0 && (options.watch || options.selfTest !== undefined)) {
      throw new UsageError("Cannot use several Envoy versions with --watch or --self-test");
    }
    if (options.keep && (others.length > 0 || options.watch || options.selfTest !== undefined)) {
      throw new UsageError(
        "Cannot keep the gateway up with several Envoy versions, --watch or --self-test",
      );
    }
    if (options.selfTest !== undefined) return await selfTest(context, one);
    if (options.watch) return await watch(context, one);
    if (others.length > 0) return await onVersions(context, options);
    const report = await checkOnce(one, context, progressOf(context), async (report) => {
      await writeReports(report, options.report, log);
      if (options.json) print(JSON.stringify(report));
      else print(renderTerminal(report, colour(context)).trimEnd());
      // GitHub shows these lines beside the change; it sets the variable in every step.
      if (host.env("GITHUB_ACTIONS") === "true" && !options.json) {
        for (const line of renderAnnotations(report)) print(line);
      }
      if (!options.keep || signal.aborted) return;
      log(`The gateway stays up at ${report.target.url}: Ctrl-C ends it`);
      await aborted(signal);
    });
    return exitCode(report, { strict: options.strict });
  },
});

/** Arguments that all ways to run share. */
interface Shown {
  readonly json: boolean;
  readonly strict: boolean;
  readonly report: readonly string[];
}

/** Runs on each version of Envoy and prints where the verdicts differ. */
async function onVersions(
  context: Context<Shown, unknown>,
  options: Omit<CheckOptions, "envoyVersion"> & Shown & {
    readonly envoyVersion: readonly string[];
  },
): Promise<number> {
  const runs = await runVersions(options.envoyVersion, (envoyVersion) => {
    context.log(`Envoy ${envoyVersion}`);
    return checkOnce({ ...options, envoyVersion }, context, progressOf(context));
  });
  await writeReports(runs.reports, options.report, context.log);
  if (options.json) context.print(versionsJson(runs));
  else context.print(renderVersions(runs, colour(context)).trimEnd());
  return versionsExitCode(runs, options);
}

/** Runs after every change of a file, and prints what changed in the verdicts. */
async function watch(
  context: Context<Shown, unknown>,
  options: CheckOptions & Shown,
): Promise<number> {
  const { print, log, signal } = context;
  await using changes = watchFiles(options);
  let code: number = EXIT.ok;
  await watchRuns({
    changes,
    signal,
    run: (signal) => checkOnce(options, { ...context, signal }),
    async onReport(report, before) {
      code = exitCode(report, options);
      await writeReports(report, options.report, log);
      if (options.json) {
        const changed = before === undefined ? [] : diffReports(before, report);
        print(JSON.stringify({ changed, report }));
      } else if (before === undefined) {
        print(renderTerminal(report, colour(context)).trimEnd());
      } else print(renderChanges(report, before));
    },
    onProblem: log,
    onChange: (paths) => log(`changed: ${paths.join(", ")}`),
  });
  return code;
}

/** Runs the mutants and prints the kill matrix; a mutant that survives is a bug in the suite. */
async function selfTest(
  context: Context<unknown, unknown>,
  options: Parameters<typeof envoyFromOptions>[0] & {
    selfTest: "expected" | "full" | undefined;
    profile: string;
  },
): Promise<number> {
  const { host, print, log, signal } = context;
  const envoy = await envoyFromOptions(options, context);
  const matrix = await runSelfTest({
    envoyPath: envoy.path,
    runParents: runParents(host),
    proof: (await profileKind(options.profile).judge()).proof,
    full: options.selfTest === "full",
    signal,
    onMutant: ({ mutant, killedBy, ran }, { done, total }) =>
      log(`${done}/${total} ${mutant.id}: ${killedBy.length} of ${ran.length} cases notice`),
  });
  print(renderMatrix(matrix).trimEnd());
  return matrix.problems.length === 0 ? EXIT.ok : EXIT.failed;
}

function colour({ style }: Pick<Context<unknown, unknown>, "style">): { colour: boolean } {
  return { colour: style.enabled };
}

/**
 * A live block on a terminal, plain lines elsewhere; progress goes to standard error when standard output carries JSON.
 */
function progressOf(context: Context<Shown, unknown>): (event: Progress) => void {
  const { options, print, log, host, style } = context;
  if (!options.json && host.stdout.isTerminal && host.env("CI") === undefined) {
    return liveBlock(host.stdout, style);
  }
  return (event) => {
    const line = progressLine(event, colour(context));
    if (line !== undefined) (options.json ? log : print)(line);
  };
}

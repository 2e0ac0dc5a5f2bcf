/** Runs the suite against a target. */
import { messageOf, now, UnavailableError } from "../../service/mod.ts";
import { type Case } from "../case.ts";
import { CASES } from "../cases/mod.ts";
import { platform } from "../report/platform.ts";
import { redact, secretsOf } from "../report/redact.ts";
import { type KnownFailure, matchKnownFailures } from "./known_failures.ts";
import { concludes, sayInterrupted } from "../report/conclusion.ts";
import { Lateness } from "./lateness.ts";
import { Passage } from "./passage.ts";
import {
  CATALOGUE_REVISION,
  type Report,
  REPORT_SCHEMA,
  type ReportCase,
  summarize,
} from "../report/report.ts";
import { assemble, type AxisResult, runAxis } from "./run_case.ts";
import { type Job, schedule } from "./schedule.ts";
import { axesOf, selectCases, type Selection, verdictBeforeRun } from "./select.ts";
import type { Target } from "../target.ts";
import { INTERRUPTED, NotJudged, TOO_BUSY } from "../verdict/verdict.ts";

/** Events of a run, for a terminal. */
export type Progress =
  | { kind: "start"; target: Target; cases: number }
  /** A case begins, each of its HTTP versions by itself. */
  | { kind: "running"; id: string }
  | { kind: "case"; result: ReportCase; done: number; total: number }
  /** Every few seconds while only cases are left that wait; `ids` are those. */
  | { kind: "waiting"; ids: string[] }
  | { kind: "end"; report: Report };

/** How to run the suite. */
export interface RunOptions extends Selection {
  /** Default: the whole catalogue. */
  cases?: readonly Case[];
  /** Cases side by side; default 8. Cases that only wait do not count. */
  jobs?: number;
  /** Default: a random one, shown in the report. */
  seed?: number;
  /** Stretches every deadline; default 1. */
  timeScale?: number;
  /** Runs every case so many times; one failure fails it. Default 1. */
  repeat?: number;
  knownFailures?: readonly KnownFailure[];
  signal?: AbortSignal;
  onProgress?: (event: Progress) => void;
  /** Version of the tool, for the report. */
  version?: string;
  /** Commit of the tool, for the report. */
  commit?: string;
  /** Command line that repeats the run; default `llmgate check`. */
  command?: string;
  /** The same without what selects cases: it repeats one of them. Default: `command`. */
  caseCommand?: string;
}

const DEFAULT_JOBS = 8;

/** How often a run that only waits says for what, milliseconds. */
const WAITING_MS = 5_000;

/** The variant that is what a run was asked for, and no addition to it: it comes before what uses up its budget. */
const FIRST_VARIANTS: readonly string[] = ["model_server", "policy_engine"];

/**
 * Runs the selected cases against a target and returns the report. Resolves when all are judged;
 * after `signal` has aborted, what was not finished is `not-measured`. Opt-in groups run last, each
 * on the variant of the target that has their feature.
 *
 * @throws {UsageError} when the selection matches nothing
 */
export async function runSuite(target: Target, options: RunOptions = {}): Promise<Report> {
  const suite = new Suite(target, options);
  return await suite.run();
}

class Suite {
  readonly #target: Target;
  readonly #options: RunOptions;
  readonly #selected: Case[];
  readonly #results = new Map<string, ReportCase>();
  readonly #signal: AbortSignal;
  readonly #seed: number;
  readonly #lateness: Lateness;
  /** Keeps the nonces of two runs against one long-lived stack apart. */
  readonly #runId = Math.floor(Math.random() * 36 ** 5).toString(36).padStart(5, "0");

  constructor(target: Target, options: RunOptions) {
    this.#target = target;
    this.#options = options;
    this.#selected = selectCases(options.cases ?? CASES, options);
    this.#signal = options.signal ?? new AbortController().signal;
    this.#seed = options.seed ?? Math.floor(Math.random() * 2 ** 31);
    this.#lateness = new Lateness();
  }

  async run(): Promise<Report> {
    using _ = this.#lateness;
    const startedAt = new Date().toISOString();
    const began = now();
    this.#options.onProgress?.({
      kind: "start",
      target: this.#target,
      cases: this.#selected.length,
    });
    const { own, variants } = this.#split();
    for (const feature of FIRST_VARIANTS) {
      await this.#runVariant(feature, variants.get(feature) ?? []);
      variants.delete(feature);
    }
    const { active, waiting } = this.#start(own, this.#target);
    await active;
    for (const [feature, cases] of this.#merged(variants)) await this.#runVariant(feature, cases);
    const tell = () => this.#options.onProgress?.({ kind: "waiting", ids: this.#unfinished() });
    const telling = setInterval(tell, WAITING_MS);
    if (this.#unfinished().length > 0) tell();
    await waiting.finally(() => clearInterval(telling));
    const report = this.#report(startedAt, now() - began);
    this.#options.onProgress?.({ kind: "end", report });
    return report;
  }

  /** Sorts out the cases whose feature only a variant of the target has. */
  #split(): { own: Case[]; variants: Map<string, Case[]> } {
    const own: Case[] = [];
    const variants = new Map<string, Case[]>();
    for (const one of this.#selected) {
      const { feature } = one;
      const elsewhere = feature !== undefined && !this.#target.features.includes(feature) &&
        this.#target.variants?.[feature] !== undefined;
      if (elsewhere) variants.set(feature, [...(variants.get(feature) ?? []), one]);
      else own.push(one);
    }
    return { own, variants };
  }

  /** Features that one copy has together are judged on it together. */
  #merged(variants: ReadonlyMap<string, Case[]>): Map<string, Case[]> {
    const first = new Map<unknown, string>();
    const merged = new Map<string, Case[]>();
    for (const [feature, cases] of variants) {
      const start = this.#target.variants?.[feature];
      const name = first.get(start) ?? feature;
      first.set(start, name);
      merged.set(name, [...merged.get(name) ?? [], ...cases]);
    }
    return merged;
  }

  async #runVariant(feature: string, cases: readonly Case[]): Promise<void> {
    const start = this.#target.variants?.[feature];
    if (!start || cases.length === 0) return;
    if (this.#signal.aborted) {
      for (const one of cases) this.#finish(one, { status: "not-measured", reason: INTERRUPTED });
      return;
    }
    let variant: Target & AsyncDisposable;
    try {
      variant = await start();
    } catch (error) {
      if (error instanceof NotJudged) {
        for (const one of cases) this.#finish(one, { status: error.status, reason: error.message });
        return;
      }
      if (!(error instanceof UnavailableError)) throw error;
      const reason = `Cannot start the variant "${feature}": ${messageOf(error)}`;
      for (const one of cases) this.#finish(one, { status: "not-measured", reason });
      return;
    }
    await using _ = variant;
    const { active, waiting } = this.#start(cases, variant);
    await Promise.all([active, waiting]);
  }

  /** Ids of the cases that are selected and not judged yet. */
  #unfinished(): string[] {
    return this.#selected.flatMap(({ id }) => this.#results.has(id) ? [] : [id]);
  }

  #start(cases: readonly Case[], target: Target) {
    const jobs: Job[] = [];
    const passage = new Passage(target);
    for (const one of cases) {
      const before = verdictBeforeRun(one, target, this.#options);
      if (before) this.#finish(one, before);
      else {
        jobs.push({ one, protocols: axesOf(one, target) });
      }
    }
    return schedule(jobs, {
      jobs: this.#options.jobs ?? DEFAULT_JOBS,
      repeat: this.#options.repeat ?? 1,
      runAxis: (one, axis) => {
        this.#options.onProgress?.({ kind: "running", id: one.id });
        return runAxis(one, {
          target,
          ...axis,
          timeScale: this.#options.timeScale ?? 1,
          seed: this.#seed,
          runId: this.#runId,
          signal: this.#signal,
          lateness: this.#lateness,
          passage,
        });
      },
      finish: (one, results) => this.#finish(one, results),
    });
  }

  #finish(
    one: Case,
    outcome: AxisResult[] | Pick<ReportCase, "status" | "reason" | "beyond_control">,
  ): void {
    const judged = assemble(one, outcome, {
      command: this.#options.caseCommand ?? this.#command(),
      seed: this.#seed,
      envoyVersion: this.#target.envoy?.version,
    });
    // The catalogue's own words stay, even when one of them is somebody's secret.
    const { id, group, level, control, status, requirement, source, reproduce } = judged;
    const words = {
      ...{ id, group, level, control, status, requirement, source },
      ...(reproduce !== undefined && { reproduce }),
    };
    const result = { ...redact(judged, secretsOf(this.#target)), ...words };
    this.#results.set(one.id, result);
    const done = this.#results.size;
    this.#options.onProgress?.({ kind: "case", result, done, total: this.#selected.length });
  }

  #command(): string {
    return this.#options.command ?? "llmgate check";
  }

  #report(startedAt: string, duration: number): Report {
    const target = this.#target;
    const judged = this.#selected.flatMap(({ id }) => this.#results.get(id) ?? []);
    const known = matchKnownFailures(judged, this.#options.knownFailures ?? []);
    const faults = judged.filter(({ level, reason }) =>
      reason.startsWith("Harness fault") || (level === "must" && reason.startsWith(TOO_BUSY))
    );
    const interrupted = this.#signal.aborted
      ? { reason: messageOf(this.#signal.reason), after_ms: Math.round(duration) }
      : undefined;
    const header: Omit<Report, "cases"> = {
      schema: REPORT_SCHEMA,
      tool: {
        name: "llmgate",
        version: this.#options.version ?? "0.0.0",
        ...(this.#options.commit !== undefined && { commit: this.#options.commit }),
      },
      catalogue: CATALOGUE_REVISION,
      started_at: startedAt,
      duration_ms: Math.round(duration),
      target: {
        name: target.name,
        url: target.url,
        control: target.control,
        protocols: [...target.protocols],
        features: [...target.features],
        ...(target.envoy && { envoy_version: target.envoy.version }),
        facts: { ...target.facts },
      },
      platform: platform(),
      run: {
        seed: this.#seed,
        time_scale: this.#options.timeScale ?? 1,
        repeat: this.#options.repeat ?? 1,
        jobs: this.#options.jobs ?? DEFAULT_JOBS,
      },
      reproduce: `${this.#command()} --seed ${this.#seed}`,
      ...(interrupted && { interrupted }),
      conclusion: concludes(known.cases, interrupted),
      summary: summarize(known.cases),
      problems: [
        ...(interrupted ? [sayInterrupted(interrupted, known.cases)] : []),
        ...known.problems,
        ...faults.map(({ id, reason }) => `${id}: ${reason}`),
      ],
      harness_faults: faults.length,
    };
    return { ...redact(header, secretsOf(target)), cases: known.cases };
  }
}

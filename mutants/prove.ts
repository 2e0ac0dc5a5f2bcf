/** The self-test: runs the suite against gateways that are broken on purpose, and against correct ones. */
import { type Case, CASES, type Report, runSuite } from "../conformance/mod.ts";
import { messageOf } from "../service/mod.ts";
import { type CorrectResult, type KillMatrix, killMatrix, type MutantResult } from "./matrix.ts";
import type { Mutant } from "./mutant.ts";
import type { Proof, StartOptions } from "./proof.ts";
import { Semaphore } from "./semaphore.ts";

/** How to test the suite. */
export interface SelfTestOptions extends StartOptions {
  /** Options of a proof. */
  proof: Proof;
  /** Runs every case against every mutant, not only those that it is made for. */
  full?: boolean;
  /** Mutants side by side that keep the machine busy; default 3. Those that only wait do not count. */
  width?: number;
  /** Shortens the waits for what will never come; default 0.3, and 1 with `full`. */
  timeScale?: number;
  mutants?: readonly Mutant[];
  onMutant?: (result: MutantResult, progress: { done: number; total: number }) => void;
}

const DEFAULT_WIDTH = 3;
const DEFAULT_TIME_SCALE = 0.3;

/** Mutants that may be up at once, for each one that may be busy: the others wait out their silences. */
const UP_PER_BUSY = 4;

/**
 * Runs the suite against gateways that are broken on purpose, and against two correct ones, and
 * returns who was noticed by which case.
 */
export async function runSelfTest(options: SelfTestOptions): Promise<KillMatrix> {
  const { proof } = options;
  const mutants = options.mutants ?? proof.mutants;
  const width = options.width ?? DEFAULT_WIDTH;
  const busy = new Semaphore(width);
  const up = new Semaphore(width * UP_PER_BUSY);
  let done = 0;
  const results = await Promise.all(mutants.map(async (mutant) => {
    await up.take();
    await busy.take();
    const result = await testMutant(mutant, options, once(() => busy.give()));
    up.give();
    options.onMutant?.(result, { done: ++done, total: mutants.length });
    return result;
  }));
  options.signal?.throwIfAborted();
  const wanted = new Set(mutants.flatMap(({ kills }) => kills));
  const correct = await testCorrect(options, wanted);
  return killMatrix(proof.cases, {
    results,
    correct,
    full: options.full ?? false,
    complete: options.mutants === undefined,
  });
}

/** Judges one mutant; `calm` is called when nothing but waiting is left of it. Never rejects. */
async function testMutant(
  mutant: Mutant,
  options: SelfTestOptions,
  calm: () => void,
): Promise<MutantResult> {
  const cases = casesFor(mutant, options);
  const active = new Set(cases.filter(({ waits }) => !waits).map(({ id }) => id));
  try {
    options.signal?.throwIfAborted();
    await using target = await options.proof.start(mutant, options);
    const report = await runSuite(target, {
      cases,
      // Deadlines that are cut short would let every gateway look broken to a few cases.
      timeScale: options.timeScale ?? (options.full ? 1 : DEFAULT_TIME_SCALE),
      seed: 1,
      ...(options.signal && { signal: options.signal }),
      onProgress: (event) => {
        if (event.kind === "case" && active.delete(event.result.id) && active.size === 0) calm();
      },
    });
    return { mutant, killedBy: missedBy(report), ran: ranBy(report) };
  } catch (error) {
    return { mutant, killedBy: [], ran: [], problem: messageOf(error) };
  } finally {
    calm();
  }
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}

/** A check-only configuration is no whole gateway: only the group that it opens judges it. */
function casesFor({ on, kills, protocol }: Mutant, options: SelfTestOptions): readonly Case[] {
  const { all, smoke } = options.proof;
  if (on !== undefined) return all.filter(({ feature }) => feature === on);
  if (protocol !== undefined) return CASES.filter(({ axes }) => axes?.every((a) => a === protocol));
  return options.full ? all : pick(all, [...kills, ...smoke]);
}

/** Runs the cases that mutants are made for against the correct gateways: none may fail there. */
async function testCorrect(
  options: SelfTestOptions,
  wanted: ReadonlySet<string>,
): Promise<CorrectResult[]> {
  const { all, correct } = options.proof;
  const cases = options.full ? all : pick(all, [...wanted]);
  const out: CorrectResult[] = [];
  for (const { proxy, start } of correct) {
    await using target = await start(options);
    const report = await runSuite(target, { cases, seed: 1 });
    const failed = report.cases.filter(({ status }) => status === "fail").map(({ id }) => id);
    const warned = report.cases.filter(({ status }) => status === "warn").map(({ id }) => id);
    out.push({ name: target.name, proxy, failed, warned });
  }
  return out;
}

function pick(all: readonly Case[], ids: readonly string[]): Case[] {
  for (const id of ids) {
    if (!all.some((one) => one.id === id)) {
      throw new RangeError(`Cannot find the case "${id}" that a mutant names`);
    }
  }
  return all.filter(({ id }) => ids.includes(id));
}

function missedBy(report: Report): string[] {
  return report.cases.filter(({ status }) => status === "fail" || status === "warn")
    .map(({ id }) => id);
}

function ranBy(report: Report): string[] {
  return report.cases.filter(({ status }) => ["pass", "fail", "warn"].includes(status))
    .map(({ id }) => id);
}

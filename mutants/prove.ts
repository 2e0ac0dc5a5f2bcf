import { type Case, CASES, type Report, runSuite } from "../conformance/mod.ts";
import { messageOf } from "../service/mod.ts";
import { CONFIG_MUTANTS } from "./config_mutants.ts";
import { type KillMatrix, killMatrix, type MutantResult } from "./matrix.ts";
import type { Mutant } from "./mutant.ts";
import { PROXY_MUTANTS } from "./proxy_mutants.ts";
import { startEnvoyGateway, startMutant, type StartOptions, startSmallGateway } from "./start.ts";

/** Every mutant. */
export const MUTANTS: readonly Mutant[] = [...CONFIG_MUTANTS, ...PROXY_MUTANTS];

/** Cases that run against every mutant even when it is not made for them: a mutant must run at all. */
export const SMOKE: readonly string[] = ["http.h1", "route.healthz-open"];

/** How to test the suite. */
export interface SelfTestOptions extends StartOptions {
  /** Runs every case against every mutant, not only those that it is made for. */
  full?: boolean;
  /** Mutants side by side; default 4. */
  width?: number;
  /** Shortens the waits for what will never come; default 0.3. */
  timeScale?: number;
  mutants?: readonly Mutant[];
  onMutant?: (result: MutantResult) => void;
}

const DEFAULT_WIDTH = 4;
const DEFAULT_TIME_SCALE = 0.3;

/**
 * Runs the suite against gateways that are broken on purpose, and against two correct ones, and
 * returns who was noticed by which case.
 */
export async function runSelfTest(options: SelfTestOptions): Promise<KillMatrix> {
  const mutants = options.mutants ?? MUTANTS;
  const queue = [...mutants];
  const results: MutantResult[] = [];
  const lane = async () => {
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      options.signal?.throwIfAborted();
      const result = await testMutant(mutant, options);
      results.push(result);
      options.onMutant?.(result);
    }
  };
  const width = options.width ?? DEFAULT_WIDTH;
  await Promise.all(Array.from({ length: Math.min(width, queue.length) }, lane));
  const wanted = new Set(mutants.flatMap(({ kills }) => kills));
  const correct = await testCorrect(options, wanted);
  const order = new Map(mutants.map(({ id }, index) => [id, index]));
  results.sort((a, b) => (order.get(a.mutant.id) ?? 0) - (order.get(b.mutant.id) ?? 0));
  return killMatrix(CASES, { results, correct, full: options.full ?? false });
}

async function testMutant(mutant: Mutant, options: SelfTestOptions): Promise<MutantResult> {
  const cases = options.full ? CASES : pick([...mutant.kills, ...SMOKE]);
  try {
    await using target = await startMutant(mutant, options);
    const report = await runSuite(target, {
      cases,
      timeScale: options.timeScale ?? DEFAULT_TIME_SCALE,
      seed: 1,
      ...(options.signal && { signal: options.signal }),
    });
    return { mutant, killedBy: missedBy(report), ran: ranBy(report) };
  } catch (error) {
    return { mutant, killedBy: [], ran: [], problem: messageOf(error) };
  }
}

/** Runs the cases that mutants are made for against the correct gateways: none may fail there. */
async function testCorrect(
  options: SelfTestOptions,
  wanted: ReadonlySet<string>,
): Promise<{ name: string; failed: string[] }[]> {
  const cases = options.full ? CASES : pick([...wanted]);
  const out: { name: string; failed: string[] }[] = [];
  const starts = [
    () => startEnvoyGateway({ id: "correct Envoy" }, options),
    () => startSmallGateway("correct small proxy"),
  ];
  for (const start of starts) {
    await using target = await start();
    const report = await runSuite(target, { cases, seed: 1 });
    const failed = report.cases.filter(({ status }) => status === "fail").map(({ id }) => id);
    out.push({ name: target.name, failed });
  }
  return out;
}

function pick(ids: readonly string[]): Case[] {
  for (const id of ids) {
    if (!CASES.some((one) => one.id === id)) {
      throw new RangeError(`Cannot find the case "${id}" that a mutant names`);
    }
  }
  return CASES.filter(({ id }) => ids.includes(id));
}

function missedBy(report: Report): string[] {
  return report.cases.filter(({ status }) => status === "fail" || status === "warn")
    .map(({ id }) => id);
}

function ranBy(report: Report): string[] {
  return report.cases.filter(({ status }) => ["pass", "fail", "warn"].includes(status))
    .map(({ id }) => id);
}

/** The kill matrix: which case noticed which mutant, and what that proves. */
import type { Case } from "../conformance/mod.ts";
import type { Mutant } from "./mutant.ts";

/** Verdicts of the suite on one mutant. */
export interface MutantResult {
  mutant: Mutant;
  /** Ids of the cases that did not pass. */
  killedBy: string[];
  /** Ids of the cases that judged it. */
  ran: string[];
  /** Why it could not be judged at all. */
  problem?: string;
}

/** Verdicts of the suite on a correct gateway. */
export interface CorrectResult {
  name: string;
  /** It is the small proxy, and not an Envoy. */
  proxy: boolean;
  /** Ids of the MUST cases that did not pass: faults of the suite. */
  failed: string[];
  /** Ids of weaker cases that did not pass: what they say of a mutant is no proof. */
  warned: string[];
}

/** Which case notices which mutant, and what is wrong with the suite. */
export interface KillMatrix {
  results: MutantResult[];
  correct: CorrectResult[];
  /** Everything that makes the self-test fail. */
  problems: string[];
  /** Each MUST case with the mutants made for it that prove that it can fail; none for some, maybe. */
  proofs: { id: string; mutants: string[] }[];
  /** MUST cases that no specific mutant kills. */
  uncovered: string[];
  covered: number;
}

/** The case that every relay passes, whatever it changes: else every case would notice it. */
const SERVES = "http.h1";

/** A mutant that more cases notice than this says nothing about any one of them. */
export const TOO_BROAD = 15;

/** Judges the suite by what it did to the mutants: every MUST of the cases is to be covered. */
export function killMatrix(
  cases: readonly Case[],
  run: {
    results: MutantResult[];
    correct: CorrectResult[];
    /** Every case ran on every mutant. */
    full: boolean;
    /** Every mutant ran: a MUST that none of them kills is a problem. */
    complete?: boolean;
  },
): KillMatrix {
  const problems: string[] = [];
  const results = run.full ? run.results.map((one) => withoutNoise(one, run.correct)) : run.results;
  for (const { mutant, killedBy, problem } of results) {
    if (problem !== undefined) problems.push(`${mutant.id}: cannot be judged: ${problem}`);
    if (mutant.means === "relay" && killedBy.includes(SERVES)) {
      problems.push(`${mutant.id}: serves nothing at all, so that its kills say little`);
    }
    for (const id of mutant.kills) {
      if (problem === undefined && !killedBy.includes(id)) {
        problems.push(`${mutant.id}: survives ${id}, which is made for it`);
      }
    }
    if (run.full && problem === undefined && killedBy.length === 0 && mutant.kills.length > 0) {
      problems.push(`${mutant.id}: survives every case`);
    }
  }
  for (const { name, failed } of run.correct) {
    for (const id of failed) problems.push(`${name}: fails ${id} although it is correct`);
  }
  const specific = results.filter(({ killedBy }) => killedBy.length <= TOO_BROAD);
  const musts = cases.filter(({ level, slow }) => level === "must" && !slow);
  const proofs = musts.map(({ id }) => ({
    id,
    mutants: specific
      .filter(({ mutant, killedBy }) => mutant.kills.includes(id) && killedBy.includes(id))
      .map(({ mutant }) => mutant.id),
  }));
  const uncovered = proofs.filter(({ mutants }) => mutants.length === 0).map(({ id }) => id);
  if (run.complete) {
    for (const id of uncovered) problems.push(`${id}: is a MUST that no mutant made for it kills`);
  }
  return {
    results,
    correct: run.correct,
    problems,
    proofs,
    uncovered,
    covered: musts.length - uncovered.length,
  };
}

/** Removes the warnings that a correct gateway of the same kind gets, too. */
function withoutNoise(result: MutantResult, correct: readonly CorrectResult[]): MutantResult {
  const alike = correct.filter(({ proxy }) => proxy === (result.mutant.defects !== undefined));
  const noise = new Set(alike.flatMap(({ warned }) => warned));
  return { ...result, killedBy: result.killedBy.filter((id) => !noise.has(id)) };
}

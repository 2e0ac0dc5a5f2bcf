/** The proof of a profile: its mutants, the cases that they are for, and correct gateways. */
import type { Case, Target } from "../conformance/mod.ts";
import type { Mutant } from "./mutant.ts";

/** A target that stops what it runs on. */
export type RunningTarget = Target & AsyncDisposable;

/** Surroundings that a gateway under test runs in. */
export interface StartOptions {
  /** Path of the Envoy executable. */
  envoyPath: string;
  runParents: readonly string[];
  signal?: AbortSignal;
}

/** A gateway without a defect; `proxy`: warnings about its kind are noise for mutants with a small proxy. */
export interface Correct {
  readonly proxy: boolean;
  readonly start: (options: StartOptions) => Promise<RunningTarget>;
}

/** The proof that the cases of a profile can fail. */
// deno-lint-ignore no-explicit-any -- each proof starts mutants of its own kind
export interface Proof<M extends Mutant = any> {
  readonly mutants: readonly M[];
  /** Cases that mutants are to cover. */
  readonly cases: readonly Case[];
  /** Every case that the profile can be asked. */
  readonly all: readonly Case[];
  /** Cases that run against each mutant although it is not made for them: it must run at all. */
  readonly smoke: readonly string[];
  readonly correct: readonly Correct[];
  /** Starts a mutant, with a policy engine and an upstream of its own. */
  start(mutant: M, options: StartOptions): Promise<RunningTarget>;
}

/** Cases that run against every mutant of a gateway for Chat Completions. */
export const SMOKE: readonly string[] = ["http.h1", "route.healthz-open"];

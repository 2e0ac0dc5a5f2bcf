/** How steps on requests and answers are judged: copies of the gateway for their groups, and broken ones. */
import { type Target, TRANSFORM_CASES } from "../../../../conformance/mod.ts";
import type { Mutant, Proof, RunningTarget, StartOptions } from "../../../../mutants/mod.ts";
import { STEP_MUTANTS } from "./mutants.ts";
import type { StepMutant } from "./step_mutant.ts";
import { type Stack, startStack, STEP_LISTS } from "./stack.ts";

const DEFECTS = Object.fromEntries(
  STEP_MUTANTS.flatMap(({ id, breaks }) => breaks === undefined ? [] : [[id, breaks]]),
);

/** One stack for all who need it at the same time; it ends with the last of them. */
class SharedStack {
  readonly #start: () => Promise<Stack>;
  #running: Promise<Stack> | undefined;
  #users = 0;

  constructor(start: () => Promise<Stack>) {
    this.#start = start;
  }

  async target(list: string, mutant?: string): Promise<RunningTarget> {
    this.#users++;
    const running = this.#running ??= this.#start();
    try {
      const stack = await running;
      return {
        ...stack.target(list, mutant),
        [Symbol.asyncDispose]: () => this.#leave(stack),
      };
    } catch (error) {
      this.#users--;
      this.#running = undefined;
      throw error;
    }
  }

  async #leave(stack: Stack): Promise<void> {
    if (--this.#users > 0) return;
    this.#running = undefined;
    await stack[Symbol.asyncDispose]();
  }
}

/** The shared stacks, one for each configuration. */
class Stacks {
  readonly #start: (config: string) => Promise<Stack>;
  readonly #stacks = new Map<string, SharedStack>();

  constructor(start: (config: string) => Promise<Stack>) {
    this.#start = start;
  }

  async target(list: string, mutant?: string): Promise<RunningTarget> {
    const config = STEP_LISTS[list]?.config ?? "base";
    const shared = this.#stacks.get(config) ?? new SharedStack(() => this.#start(config));
    this.#stacks.set(config, shared);
    return await shared.target(list, mutant);
  }
}

/** Returns how to start a copy of the gateway for each group about steps. */
export function stepVariants(options: StartOptions): NonNullable<Target["variants"]> {
  const shared = new Stacks((config) => startStack({ ...options, config }));
  return Object.fromEntries(
    Object.entries(STEP_LISTS).flatMap(([list, { features }]) => {
      // One function for all features of a copy: they are judged together.
      const start = () => shared.target(list);
      return features.map((feature) => [feature, start]);
    }),
  );
}

let stacks: { readonly key: string; readonly shared: Stacks } | undefined;

async function startMutant(mutant: StepMutant, options: StartOptions): Promise<RunningTarget> {
  const { id, list = "all", edit } = mutant;
  const { envoyPath, runParents, signal } = options;
  const place = { envoyPath, runParents, ...(signal && { signal }) };
  if (edit !== undefined) {
    return await new SharedStack(() => startStack({ ...place, edit })).target(list);
  }
  const key = `${envoyPath} ${runParents.join()}`;
  if (stacks?.key !== key) {
    const start = (config: string) => startStack({ ...place, config, defects: DEFECTS });
    stacks = { key, shared: new Stacks(start) };
  }
  return await stacks.shared.target(list, id);
}

function isStepMutant(mutant: Mutant): mutant is StepMutant {
  return STEP_MUTANTS.includes(mutant as StepMutant);
}

/** Returns a proof with the steps' cases and mutants beside its own. */
export function withSteps(proof: Proof<Mutant>): Proof<Mutant> {
  return {
    ...proof,
    mutants: [...proof.mutants, ...STEP_MUTANTS],
    cases: [...proof.cases, ...TRANSFORM_CASES],
    all: [...proof.all, ...TRANSFORM_CASES],
    correct: proof.correct.map((one) =>
      one.proxy ? one : {
        ...one,
        start: async (options) => {
          const target = await one.start(options);
          return { ...target, variants: { ...target.variants, ...stepVariants(options) } };
        },
      }
    ),
    start: (mutant, options) =>
      isStepMutant(mutant) ? startMutant(mutant, options) : proof.start(mutant, options),
  };
}

/** Decides about one request of Envoy: which budgets each descriptor falls under, and what comes of it. */
import { type Level, refusing } from "./answer.ts";
import { type Budget, compileBudgets } from "./budget.ts";
import { type Charge, chargeOf } from "./charge.ts";
import { type CounterStore, fits, type Take, type Taken } from "./counters/store.ts";
import { type Descriptor, meaningOf } from "./descriptor.ts";
import type { LimitsFile } from "./limits_schema.ts";

/** Result for one descriptor. */
export interface Outcome {
  readonly subject: Readonly<Record<string, string>>;
  /** Of a question: its budgets and their use. Empty for a charge. */
  readonly levels: readonly Level[];
  /** Of an answer that has ended. */
  readonly charge?: Charge;
  /** Whether anybody asked our limits about it: it is marked so, or a limit names it. */
  readonly ours: boolean;
}

/** Limits in force over counters. */
export interface Limiter {
  /**
   * Counts and charges what the descriptors say, and returns an outcome for each, in their order; at
   * once, where the counters are at hand.
   */
  decide(
    descriptors: readonly Descriptor[],
    addend: number,
    now: number,
  ): Outcome[] | Promise<Outcome[]>;
}

/** Puts a file's limits in force over counters, which outlive them. */
export function createLimiter(file: LimitsFile, counters: CounterStore): Limiter {
  const budgets = compileBudgets(file);
  return {
    decide(descriptors, addend, now) {
      const takes: BudgetTake[] = [];
      const adds: Omit<Take, "max">[] = [];
      const meanings = descriptors.map((one): Meant => {
        const meaning = meaningOf(one, addend);
        const own = budgets(meaning.subject, now);
        if (!meaning.ask) {
          const charge = chargeOf(meaning.facts, file.prices);
          for (const { kind, counter, window } of own) {
            if (kind !== "requests") {
              adds.push({ counter, amount: charge[kind], expiresAt: window.end });
            }
          }
          return { subject: meaning.subject, from: 0, to: 0, charge, ours: true };
        }
        const from = takes.length;
        for (const budget of own) {
          takes.push(takeOf(budget, budget.kind === "requests" ? meaning.hits : 0));
        }
        const ours = meaning.marked || own.length > 0;
        return { subject: meaning.subject, from, to: takes.length, ours };
      });
      const spent = adds.length === 0 ? undefined : counters.add(adds);
      // All questions of a request are one step: a request that one of them refuses is not counted by another.
      const taken = takes.length === 0 ? NOTHING : counters.take(takes);
      if (taken instanceof Promise || spent instanceof Promise) {
        return Promise.all([taken, spent]).then(([late]) => outcomes(meanings, takes, late));
      }
      return outcomes(meanings, takes, taken);
    },
  };
}

const NOTHING: Taken = { granted: true, used: [] };

interface BudgetTake extends Take {
  readonly budget: Budget;
}

/** A descriptor, and which of the takes are its own. */
interface Meant {
  readonly subject: ReadonlyMap<string, string>;
  readonly from: number;
  readonly to: number;
  readonly charge?: Charge;
  readonly ours: boolean;
}

function takeOf(budget: Budget, amount: number): BudgetTake {
  const { counter, max, window } = budget;
  return { budget, counter, amount, max, expiresAt: window.end };
}

function outcomes(
  meanings: readonly Meant[],
  takes: readonly BudgetTake[],
  { granted, used }: Taken,
): Outcome[] {
  const levels = takes.map((take, index): Level => {
    const now = used[index] ?? 0;
    return { budget: take.budget, used: now, spent: !granted && !fits(take, now) };
  });
  return meanings.map(({ subject, from, to, charge, ours }): Outcome => ({
    subject: Object.fromEntries(subject),
    levels: levels.slice(from, to),
    ours,
    ...(charge !== undefined && { charge }),
  }));
}

/** The budget that refuses a request, over all its descriptors; undefined when it may come in. */
export function refusalOf(outcomes: readonly Outcome[]): Level | undefined {
  return refusing(outcomes.flatMap(({ levels }) => levels));
}

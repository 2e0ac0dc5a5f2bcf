/** Decides about one request of Envoy: which budgets each descriptor falls under, and what comes of it. */
import { type Level, refusing } from "./answer.ts";
import { type Budget, type Budgets, compileBudgets } from "./budget.ts";
import { type Charge, chargeOf } from "./charge.ts";
import type { CounterStore } from "./counters/store.ts";
import { type Descriptor, meaningOf } from "./descriptor.ts";
import type { LimitsFile } from "./limits_schema.ts";

/** Result for one descriptor. */
export interface Outcome {
  readonly subject: Readonly<Record<string, string>>;
  /** Of a question: its budgets and their use. Empty for a charge. */
  readonly levels: readonly Level[];
  /** Of an answer that has ended. */
  readonly charge?: Charge;
}

/** Limits in force over counters. */
export interface Limiter {
  /** Counts and charges what the descriptors say, and returns an outcome for each, in their order. */
  decide(descriptors: readonly Descriptor[], hitsAddend: number, now: number): Promise<Outcome[]>;
}

/** Puts a file's limits in force over counters, which outlive them. */
export function createLimiter(file: LimitsFile, counters: CounterStore): Limiter {
  const budgets = compileBudgets(file);
  return {
    async decide(descriptors, hitsAddend, now) {
      const meanings = descriptors.map((one) => meaningOf(one, hitsAddend));
      // All questions of a request are one step: a request that one of them refuses is not counted by another.
      const asked = await ask(
        meanings.map((one) => one.ask ? budgets(one.subject, now).map(asking(one.hits)) : []),
        counters,
      );
      return await Promise.all(meanings.map(async (one, index): Promise<Outcome> => {
        const subject = Object.fromEntries(one.subject);
        if (one.ask) return { subject, levels: asked[index] ?? [] };
        const charge = chargeOf(one.facts, file.prices);
        await spend(charge, { budgets, subject: one.subject, counters, now });
        return { subject, levels: [], charge };
      }));
    },
  };
}

interface Asked {
  readonly budget: Budget;
  readonly amount: number;
}

function asking(hits: number): (budget: Budget) => Asked {
  return (budget) => ({ budget, amount: budget.kind === "requests" ? hits : 0 });
}

async function ask(groups: readonly Asked[][], counters: CounterStore): Promise<Level[][]> {
  const all = groups.flat();
  if (all.length === 0) return groups.map(() => []);
  const { granted, used } = await counters.take(all.map(({ budget, amount }) => ({
    counter: budget.counter,
    amount,
    max: budget.max,
    expiresAt: budget.window.end,
  })));
  const levels = all.map(({ budget, amount }, index): Level => {
    const now = used[index] ?? 0;
    return {
      budget,
      used: now,
      spent: !granted && !(now < budget.max && now + amount <= budget.max),
    };
  });
  let from = 0;
  return groups.map(({ length }) => levels.slice(from, from += length));
}

async function spend(
  charge: Charge,
  { budgets, subject, counters, now }: {
    budgets: Budgets;
    subject: ReadonlyMap<string, string>;
    counters: CounterStore;
    now: number;
  },
): Promise<void> {
  const adds = budgets(subject, now).flatMap(({ kind, counter, window }) =>
    kind === "requests" ? [] : [{ counter, amount: charge[kind], expiresAt: window.end }]
  );
  if (adds.length > 0) await counters.add(adds);
}

/** The budget that refuses a request, over all its descriptors; undefined when it may come in. */
export function refusalOf(outcomes: readonly Outcome[]): Level | undefined {
  return refusing(outcomes.flatMap(({ levels }) => levels));
}

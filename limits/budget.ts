/** Limits as data, ready to be looked up: which budgets a request falls under, and how each is counted. */
import type { LimitsFile } from "./limits_schema.ts";
import { type Unit, type Window, windowAt } from "./window.ts";

/** Units of a budget. Costs are counted in billionths of a US dollar, so that sums stay whole. */
export type Kind = "requests" | "tokens" | "cost";

/** Properties of a request that a limit can match: tenant, key, model, session, others. */
export type Subject = ReadonlyMap<string, string>;

/** One limit of one kind over one unit, with its bucket for a subject. */
export interface Budget {
  readonly kind: Kind;
  readonly unit: Unit;
  /** In the kind's own unit; of a cost, billionths of a US dollar. */
  readonly max: number;
  /** The bucket in words: `tenant "a"`. */
  readonly who: string;
  /** Whether it is a budget of a session. */
  readonly session: boolean;
  /** Name of the counter in this window; the same in every process. */
  readonly counter: string;
  readonly window: Window;
}

/** Looks up the budgets of a subject at a moment, in the order of the file. */
export type Budgets = (subject: Subject, now: number) => Budget[];

/** Billionths of a US dollar in a dollar. */
export const NANO = 1e9;

interface Rule {
  /** The names that it matches, sorted: what its buckets are made of. */
  readonly names: readonly string[];
  readonly patterns: ReadonlyMap<string, string>;
  readonly exact: number;
  readonly kind: Kind;
  readonly unit: Unit;
  readonly max: number;
  /** The budget of each bucket in its present window, by the values of `names`. */
  readonly present: Map<string, Budget>;
}

/** Beyond this many buckets those of a rule are looked up anew: a session's name is its client's choice. */
const MAX_PRESENT = 10_000;

/**
 * Compiles a file's limits. Of several that count the same (names, kind and unit), the one with the
 * most exact values is in force for a subject, and the first among equals: a tenant's own limit
 * takes the place of the one for `"*"`.
 */
export function compileBudgets({ limits }: Pick<LimitsFile, "limits">): Budgets {
  const rules = limits.flatMap(({ match, requests, tokens, cost }): Rule[] => {
    const { descriptor, ...named } = match;
    const patterns = new Map(
      Object.entries({ ...descriptor, ...named }).filter((pair): pair is [string, string] =>
        pair[1] !== undefined
      ),
    );
    // A session's name is its client's choice, so it means something within the tenant alone.
    if (patterns.has("session") && !patterns.has("tenant")) patterns.set("tenant", "*");
    const names = [...patterns.keys()].toSorted();
    const exact = [...patterns.values()].filter((pattern) => pattern !== "*").length;
    const rule = (kind: Kind, unit: Unit, max: number): Rule => ({
      ...{ names, patterns, exact, kind, unit, max },
      present: new Map(),
    });
    return [
      ...(requests ?? []).map(({ per, max }) => rule("requests", per, max)),
      ...(tokens ?? []).map(({ per, max }) => rule("tokens", per, max)),
      ...(cost ?? []).map(({ per, max }) => rule("cost", per, Math.round(max * NANO))),
    ];
  });
  const groups = [
    ...Map.groupBy(rules, ({ names, kind, unit }) => [kind, unit, ...names].join()).values(),
  ].map((group) => group.toSorted((a, b) => b.exact - a.exact));
  return (subject, now) => {
    const budgets: Budget[] = [];
    for (const group of groups) {
      const rule = group.find(({ patterns }) => matches(patterns, subject));
      if (rule !== undefined) budgets.push(budgetOf(rule, subject, now));
    }
    return budgets;
  };
}

function matches(patterns: Rule["patterns"], subject: Subject): boolean {
  for (const [name, pattern] of patterns) {
    const value = subject.get(name);
    if (value === undefined || pattern !== "*" && pattern !== value) return false;
  }
  return true;
}

function budgetOf(rule: Rule, subject: Subject, now: number): Budget {
  const { names, present } = rule;
  const values = names.map((name) => subject.get(name) ?? "");
  const bucket = values.length === 1 ? values[0] ?? "" : JSON.stringify(values);
  const known = present.get(bucket);
  if (known !== undefined && now >= known.window.start && now < known.window.end) return known;
  if (present.size >= MAX_PRESENT) present.clear();
  const budget = makeBudget(rule, values, now);
  present.set(bucket, budget);
  return budget;
}

function makeBudget({ kind, unit, max, names }: Rule, values: string[], now: number): Budget {
  const window = windowAt(unit, now);
  const bucket = names.map((name, index) => [name, values[index] ?? ""]);
  return {
    kind,
    unit,
    max,
    who: bucket.map(([name, value]) => `${name} "${value}"`).join(", "),
    session: names.includes("session"),
    counter: JSON.stringify([kind, unit, window.start, ...bucket.flat()]),
    window,
  };
}

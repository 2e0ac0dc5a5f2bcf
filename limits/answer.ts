/** Answers of a limits service, which Envoy passes to the client: OpenAI's headers, and an error that says what to do. */
import { errorBody } from "../openai/mod.ts";
import { type Budget, type Kind, NANO } from "./budget.ts";
import { durationText } from "./window.ts";

/** A budget and how much of it is used. */
export interface Level {
  readonly budget: Budget;
  readonly used: number;
  /** Whether it refuses the request. */
  readonly spent: boolean;
}

/** `error.code` of a refusal, by what is used up. */
const CODES: Readonly<Record<Kind, string>> = {
  requests: "requests_exceeded",
  tokens: "tokens_exceeded",
  cost: "cost_exceeded",
};

/** The kinds that OpenAI has headers for. */
const HEADER_KINDS = ["requests", "tokens"] as const;

/** Which of the budgets refuses: the one that takes longest to come back, since it decides when to try again. */
export function refusing(levels: readonly Level[]): Level | undefined {
  return levels.filter(({ spent }) => spent)
    .toSorted((a, b) => b.budget.window.end - a.budget.window.end)[0];
}

/** `error.code` for a budget that is used up. */
export function codeOf({ kind, session }: Budget): string {
  return session ? "session_budget_exceeded" : CODES[kind];
}

/** The body of the 429, in words that an agent can show. */
export function refusalBody({ budget }: Level, now: number): string {
  const { kind, unit, who, session, max } = budget;
  const unitOf = max === 1 ? kind.replace(/s$/, "") : kind;
  const amount = kind === "cost" ? `$${max / NANO} of model cost` : `${max} ${unitOf}`;
  const message =
    `The ${session ? "session's budget" : "limit"} for ${who} is used up: ${amount} per ${unit}. ` +
    `Try again in ${durationText(Math.max(1_000, budget.window.end - now))}.`;
  return JSON.stringify(errorBody(429, { message, code: codeOf(budget) }));
}

/**
 * The quota headers, in OpenAI's names and units (API guide, "Rate limits in headers"): of requests
 * and of tokens each, the budget with the least left.
 */
export function quotaHeaders(levels: readonly Level[], now: number): [string, string][] {
  return HEADER_KINDS.flatMap((kind): [string, string][] => {
    const [least] = levels.filter(({ budget }) => budget.kind === kind)
      .toSorted((a, b) => remaining(a) - remaining(b));
    if (least === undefined) return [];
    const { max, window } = least.budget;
    return [
      [`x-ratelimit-limit-${kind}`, String(max)],
      [`x-ratelimit-remaining-${kind}`, String(remaining(least))],
      [`x-ratelimit-reset-${kind}`, durationText(window.end - now)],
    ];
  });
}

/** Returns the rest of a budget, in its own unit; never below 0. */
export function remaining({ budget, used }: Level): number {
  return Math.max(0, budget.max - used);
}

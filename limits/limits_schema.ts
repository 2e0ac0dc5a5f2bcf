/** The limits file as zod schemas: the types follow from them. docs/limits.md explains each word. */
import { z } from "zod";
import type { DataFileKind } from "../data_files/mod.ts";
import { isOwnName } from "./names.ts";
import { UNITS } from "./window.ts";

/** US dollars per million tokens. */
const price = z.strictObject({
  input: z.number().min(0),
  output: z.number().min(0),
});

const positive = z.number().positive({ error: "Expected a number above 0" });

const count = z.strictObject({
  per: z.enum(UNITS, { error: `Expected one of ${UNITS.join(", ")}` }),
  max: positive.int({ error: "Expected a whole number above 0, up to 2^53" }),
});

const money = z.strictObject({ per: count.shape.per, max: positive });

const ONE_OR_MORE = "Expected { per: UNIT, max: NUMBER } or a list of them";

function oneOrMore<T extends z.ZodType>(item: T) {
  return z.union([item.transform((one) => [one]), z.array(item).min(1)], {
    error: ({ input, errors }) => causeOf(input, errors as readonly Cause[][] | undefined),
  });
}

/** A fault within one of the forms of a union. */
type Cause = Pick<z.core.$ZodRawIssue, "message" | "path">;

/** The fault in the form that was meant: the list, or the one. */
function causeOf(input: unknown, [one = [], list = []]: readonly Cause[][] = []): string {
  if (typeof input !== "object" || input === null) return ONE_OR_MORE;
  const [cause] = Array.isArray(input) ? list : one;
  if (cause?.message === undefined) return ONE_OR_MORE;
  const at = (cause.path ?? []).join(".");
  return at === "" ? cause.message : `${cause.message} in "${at}"`;
}

/** A value, or `"*"`: any value, each with a bucket of its own. */
const pattern = z.union([z.string(), z.number(), z.boolean()]).transform(String)
  .refine((text) => text !== "", { error: 'Expected a value, or "*" for each one' });

const match = z.strictObject({
  tenant: pattern.optional(),
  key: pattern.optional(),
  model: pattern.optional(),
  session: pattern.optional(),
  descriptor: z.record(
    z.string().min(1).refine((name) => !isOwnName(name), {
      error: "Expected a name of your own: tenant, key, model and session stand beside " +
        "descriptor, and what an answer was cannot be matched",
    }),
    pattern,
  ).optional(),
}).refine((one) => Object.keys(one).length > 0, {
  error: "Expected at least one of tenant, key, model, session and descriptor",
});

const limit = z.strictObject({
  match,
  requests: oneOrMore(count).optional(),
  tokens: oneOrMore(count).optional(),
  cost: oneOrMore(money).optional(),
}).refine(({ requests, tokens, cost }) => requests ?? tokens ?? cost, {
  error: "Expected at least one of requests, tokens and cost",
});

/** A whole limits file. */
export const limitsSchema = z.strictObject({
  version: z.literal(1, { error: "Expected 1" }),
  store: z.string().min(1).optional(),
  redis_env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
    error: "Expected the name of an environment variable",
  }).optional(),
  prices: z.record(z.string().min(1), price).default({}),
  limits: z.array(limit).min(1, { error: "Expected at least one limit" }),
}).superRefine(({ store, redis_env, prices, limits }, context) => {
  for (const { path, first } of repeated(limits)) {
    context.addIssue({
      code: "custom",
      path,
      message: `Expected each limit once: limits.${first} counts the same`,
    });
  }
  if (store !== undefined && redis_env !== undefined) {
    context.addIssue({
      code: "custom",
      path: ["store"],
      message: "Expected one of store and redis_env: the counters are in one place",
    });
  }
  const dear = limits.findIndex(({ cost }) => cost !== undefined);
  if (dear < 0 || Object.hasOwn(prices, "default")) return;
  context.addIssue({
    code: "custom",
    path: ["limits", dear, "cost"],
    message: "Expected prices with a default: a model without a price must not be free",
  });
});

/** Limits that count what one before them counts: only the first would be in force. */
function repeated(
  limits: readonly z.output<typeof limit>[],
): { path: (string | number)[]; first: number }[] {
  const known = new Map<string, number>();
  return limits.flatMap(({ match: { descriptor, ...named }, ...kinds }, index) => {
    const names = Object.entries({ ...descriptor, ...named }).toSorted(([a], [b]) =>
      a < b ? -1 : 1
    );
    return (["requests", "tokens", "cost"] as const).flatMap((kind) =>
      (kinds[kind] ?? []).flatMap(({ per }) => {
        const bucket = JSON.stringify([names, kind, per]);
        const first = known.get(bucket);
        if (first === undefined) known.set(bucket, index);
        return first === undefined ? [] : [{ path: ["limits", index, kind], first }];
      })
    );
  });
}

/** The limits of the rate-limit service. */
export const LIMITS_FILE: DataFileKind<typeof limitsSchema> = {
  what: "limits",
  name: "limits.yaml",
  docs: "docs/limits.md",
  schema: limitsSchema,
};

/** A limits file as read. */
export type LimitsFile = z.output<typeof limitsSchema>;
/** US dollars per million tokens of input and output. */
export type Price = z.output<typeof price>;

/** The shape of `routes.json`, as people write it. */
import { z } from "zod";

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const DURATION = /^(\d{1,9})(ms|s|m|h)$/;
/** No control characters: names are written into headers' values, forms and logs. */
// deno-lint-ignore no-control-regex -- they are what is refused
const NAME = /^[^\x00-\x1f\x7f]+$/;
/** As `--static-hosts` has it, and as discovery names its hosts. */
const ENDPOINT = /^\S+:\d{1,5}$/;
/** More than any canary needs, and a sum that stays exact. */
const MAX_WEIGHT = 1_000_000;

const name = z.string().regex(NAME, "Expected a text of at least one printable character");
const duration = z.string().regex(
  DURATION,
  'Expected a whole number with a unit, "500ms", "30s", "10m" or "1h"',
).refine(
  (text) => !text.startsWith("0") && millisecondsOf(text) > 0,
  "Expected more than nothing: leave it out for no limit",
);
const hosts = z.array(z.string().regex(ENDPOINT, "Expected HOST:PORT")).min(1);

const fallback = z.strictObject({
  model: name.optional().describe("What the backend is asked for; the route's model when left out"),
  hosts: hosts.optional().describe(
    "Only these of the discovered hosts, HOST:PORT; all that serve the model when left out",
  ),
}).refine(
  ({ model, hosts }) => model !== undefined || hosts !== undefined,
  "Expected a model, hosts, or both",
);

const target = z.strictObject({
  model: name.optional().describe("What the backend is asked for; the route's model when left out"),
  hosts: hosts.optional().describe(
    "Only these of the discovered hosts, HOST:PORT; all that serve the model when left out",
  ),
  weight: z.int().min(0).max(MAX_WEIGHT).optional().describe(
    "Share of the requests among the targets; 1 when left out",
  ),
});

const count = z.int().min(0);

const when = z.strictObject({
  prompt: z.strictObject({
    regex: name.describe("RE2's syntax, found anywhere, in any case"),
  }).optional().describe("What the user said last"),
  tokens: z.strictObject({ over: count.optional(), under: count.optional() }).refine(
    ({ over, under }) => over !== undefined || under !== undefined,
    "Expected over, under, or both",
  ).optional().describe("Tokens of the prompt, as an estimate: a fourth of its characters"),
  has: z.array(z.enum(["images", "audio", "files", "tools"])).min(1).optional().describe(
    "What the request must hold, all of it",
  ),
  reasoning_effort: z.array(name).min(1).optional().describe("One of these must be asked for"),
  stream: z.boolean().optional().describe("Whether a stream is asked for"),
}).refine((given) => Object.keys(given).length > 0, "Expected at least one condition");

const route = z.strictObject({
  name: name.describe("What logs and metrics call the route"),
  model: name.describe("The model that clients ask for"),
  path_prefix: z.string().regex(/^\/[^\s?#]*$/, "Expected a path that begins with /")
    .describe("Whole path segments on which the model is served"),
  aliases: z.array(name).optional().describe("Other names that clients may use for the model"),
  rewrite_model: name.optional().describe("What the backend is asked for in the model's place"),
  targets: z.array(target).min(1).optional().describe(
    "Where requests go by weight: the same request id always to the same one",
  ),
  fallbacks: z.array(fallback).optional().describe(
    "Where requests go, in this order, while no host of the targets is healthy",
  ),
  timeout: duration.optional().describe("How soon an answer must begin; streams are never cut"),
  total_timeout: duration.optional().describe("How long an answer may take; cuts streams, too"),
  when: when.optional().describe(
    "Only requests that say this; of equal routes the first whose conditions hold, then the one without",
  ),
  tenants: z.array(name).min(1).optional().describe(
    "Who may use the route, as policy's x-tenant says; everybody when left out",
  ),
}).superRefine(({ rewrite_model, targets }, context) => {
  if (rewrite_model !== undefined && targets !== undefined) {
    context.addIssue({
      code: "custom",
      path: ["rewrite_model"],
      message: "Expected rewrite_model or targets, not both: give each target its model",
    });
  }
  if (targets?.every(({ weight }) => weight === 0)) {
    context.addIssue({
      code: "custom",
      path: ["targets"],
      message: "Expected a target with a weight above 0",
    });
  }
});

/** The whole file: the seed of it is `name`, `model`, `path_prefix`; all else may be left out. */
export const ROUTES_SCHEMA = z.array(route).min(1);

/** One route as it stands in the file. */
export type RouteEntry = z.infer<typeof route>;

/** Returns the milliseconds of a duration that the schema takes. */
export function millisecondsOf(text: string): number {
  const [, count, unit] = DURATION.exec(text) ?? [];
  return Number(count) * (UNITS[unit ?? ""] ?? NaN);
}

/** The schema of scripts. */
import { Buffer } from "node:buffer";
import { z } from "zod";
import { UsageError } from "../../service/mod.ts";
import type { AbortKind, UpstreamScript, UpstreamStep } from "../types.ts";

const CUT = z.union([
  z.number().int().min(1),
  z.array(z.number().int().min(1)).min(1),
]).optional();
const HEADER_VALUES = z.record(z.string(), z.union([z.string(), z.array(z.string())]));
/** Longest wait a step may ask for: ten minutes covers the slowest idle case. */
const MAX_SLEEP_MS = 600_000;
/** Most times a repeat may run. */
const MAX_TIMES = 1_000_000;

/** The ways to break an answer off; docs/upstream.md says what each puts on the wire. */
export const ABORT_KINDS = [
  ...["fin", "rst", "bad_chunk", "short_length", "garbage", "tcp_rst", "goaway"] as const,
] as const satisfies readonly AbortKind[];

/** Every step by its name: the one list that the schema, its errors and the docs follow. */
const STEPS: { readonly [name: string]: z.ZodType } = {
  headers: z.strictObject({
    headers: z.strictObject({
      status: z.union([z.literal(101), z.number().int().min(200).max(999)]).optional(),
      headers: HEADER_VALUES.optional(),
    }),
  }),
  write: z.strictObject({ write: z.string(), cut: CUT }),
  write_base64: z.strictObject({ write_base64: z.base64(), cut: CUT }),
  event: z.strictObject({
    event: z.strictObject({
      data: z.union([z.string(), z.looseObject({}), z.array(z.unknown())]),
      event: z.string().optional(),
      id: z.string().optional(),
      retry: z.number().int().min(0).optional(),
      eol: z.enum(["lf", "crlf", "cr"]).optional(),
    }),
    cut: CUT,
  }),
  comment: z.strictObject({ comment: z.string(), cut: CUT }),
  flush: z.strictObject({ flush: z.literal(true) }),
  sleep: z.strictObject({ sleep: z.number().min(0).max(MAX_SLEEP_MS) }),
  barrier: z.strictObject({ barrier: z.string().min(1) }),
  trailers: z.strictObject({ trailers: z.record(z.string(), z.string()) }),
  end: z.strictObject({ end: z.literal(true) }),
  abort: z.strictObject({
    abort: z.enum(ABORT_KINDS),
  }),
  hang: z.strictObject({ hang: z.literal(true) }),
  slow_read: z.strictObject({ slow_read: z.number().min(1) }),
  throttle: z.strictObject({ throttle: z.number().min(0) }),
  stamp: z.strictObject({ stamp: z.boolean() }),
  repeat: z.strictObject({
    repeat: z.strictObject({
      times: z.number().int().min(0).max(MAX_TIMES),
      get steps() {
        return z.array(STEP);
      },
    }),
  }),
};

/** The names of the steps, in the order of the reference page. */
export const STEP_NAMES: readonly string[] = Object.keys(STEPS);

/** One step: the schema is chosen by its name, so that an error speaks of that step only. */
const STEP: z.ZodType<UpstreamStep> = z.custom<UpstreamStep>().superRefine((value, context) => {
  const names = typeof value === "object" && value !== null ? Object.keys(value) : [];
  const name = STEP_NAMES.find((candidate) => names.includes(candidate));
  const schema = name === undefined ? undefined : STEPS[name];
  if (!schema) {
    context.addIssue({
      code: "custom",
      message: `Expected a step, an object with one of ${STEP_NAMES.join(", ")}`,
    });
    return;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return;
  for (const issue of parsed.error.issues) context.addIssue({ ...issue, path: [...issue.path] });
});

/** The fields of a script, for files that hold more than a script. */
export const SCRIPT_FIELDS = {
  early: z.boolean().optional(),
  encoding: z.literal("gzip").optional(),
  steps: z.array(STEP),
};

/** A script as people write it. */
export const SCRIPT_SCHEMA: z.ZodType<UpstreamScript> = z.strictObject(
  SCRIPT_FIELDS,
) as z.ZodType<UpstreamScript>;

/**
 * Checks a script.
 *
 * @throws {UsageError} naming the place and what was expected
 */
export function checkScript(value: unknown, what = "the script"): UpstreamScript {
  const parsed = SCRIPT_SCHEMA.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const place = issue && issue.path.length > 0 ? ` at "${issue.path.join(".")}"` : "";
  throw new UsageError(`Cannot read ${what}${place}: ${issue?.message ?? "not understood"}`);
}

/**
 * Reads a script from a header value: base64url of its JSON.
 *
 * @throws {UsageError} when it is not one
 */
export function scriptOfHeader(value: string): UpstreamScript {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(value, "base64url").toString("utf8"));
  } catch {
    throw new UsageError(
      `Cannot read "x-mock-script": "${value.slice(0, 40)}" is neither the id of a script nor ` +
        "base64url of a script's JSON",
    );
  }
  return checkScript(json, '"x-mock-script"');
}

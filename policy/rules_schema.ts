/** The rules file as zod schemas: the types follow from them. `rules.yaml` explains each word. */
import { z } from "zod";
import { inNetworks } from "../addresses/mod.ts";
import type { DataFileKind } from "../data_files/mod.ts";
import { compilePattern } from "../patterns/mod.ts";
import { messageOf } from "../service/mod.ts";
import { variablesOf } from "./template.ts";

/** RFC 9110 section 5.1: a field name is a token. Lower-cased, as HTTP/2 has it. */
export const headerName = z.string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, { error: "Expected a header name" })
  .transform((name) => name.toLowerCase());

/** Text that may hold `{variables}`. */
export const templateText = z.union([z.string(), z.number(), z.boolean()]).transform(String)
  .superRefine((text, context) => {
    try {
      variablesOf(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message });
    }
  });

const plainText = z.union([z.string(), z.number(), z.boolean()]).transform(String);

const regex = z.string().superRefine((source, context) => {
  try {
    compilePattern(source, { whole: true });
  } catch (error) {
    context.addIssue({
      code: "custom",
      message: `Expected a regular expression in RE2's syntax: ${messageOf(error)}`,
    });
  }
});

const MATCHER_EXPECTED =
  'Expected a text, a list, or one of { exact: "…" }, { prefix: "…" }, { suffix: "…" }, { regex: "…" }, { present: true }';

const matcher = z.union([
  plainText,
  z.strictObject({ exact: plainText }),
  z.strictObject({ prefix: z.string() }),
  z.strictObject({ suffix: z.string() }),
  z.strictObject({ regex }),
  z.strictObject({ present: z.boolean() }),
]);

function oneOrMore<T extends z.ZodType>(item: T) {
  return z.union([item.transform((one) => [one]), z.array(item).min(1)], {
    error: "Expected a value or a list of values",
  });
}

const matchers = z.union([matcher.transform((one) => [one]), z.array(matcher).min(1)], {
  error: MATCHER_EXPECTED,
});

const credential = z.union([
  z.enum(["missing", "unknown", "known"]),
  z.strictObject({ key: oneOrMore(z.string()) }),
  z.strictObject({ tenant: oneOrMore(z.string()) }),
], { error: "Expected missing, unknown, known, { key: NAME } or { tenant: TENANT }" });

const cidr = z.string().superRefine((range, context) => {
  try {
    inNetworks([range]);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
  }
});

const match = z.strictObject({
  method: oneOrMore(z.string().regex(/^[A-Z]+$/, { error: "Expected a method such as POST" }))
    .optional(),
  path: matchers.optional(),
  host: matchers.optional(),
  headers: z.record(headerName, matchers).optional(),
  source: oneOrMore(cidr).optional(),
  principal: matchers.optional(),
  credential: credential.optional(),
  metadata: z.record(z.string(), z.record(z.string(), matchers)).optional(),
  context_extensions: z.record(z.string(), matchers).optional(),
});

/** How a header in a list is put on the message; `unset` sends no append action at all, for tests of that. */
export const HEADER_ACTIONS = [
  "set",
  "append",
  "add_if_absent",
  "overwrite_if_exists",
  "unset",
] as const;

const headerLine = z.strictObject({
  name: headerName,
  value: templateText,
  action: z.enum(HEADER_ACTIONS).default("set"),
});

const headerMap = z.record(headerName, templateText);
const headers = z.union([headerMap, z.array(headerLine)], {
  error: "Expected { name: value } or a list of { name, value, action }",
});

const allowFields = {
  set: headerMap.optional(),
  append: headerMap.optional(),
  remove: z.array(headerName).optional(),
  headers: z.array(headerLine).optional(),
  response_headers: headers.optional(),
  query: z.strictObject({
    set: z.record(z.string().min(1), templateText).optional(),
    remove: z.array(z.string().min(1)).optional(),
  }).optional(),
  metadata: z.record(z.string(), z.json()).optional(),
};

/** Changes that an `allow` may make. */
export const allowSchema = z.strictObject(allowFields);

/** HTTP statuses that Envoy can send as a final answer. */
const status = z.number().int().min(200, { error: "Expected a status from 200 to 599" })
  .max(599, { error: "Expected a status from 200 to 599" });

/** Fields of a `deny`. */
export const denySchema = z.strictObject({
  status: status.default(403),
  code: z.string().regex(/^[a-z0-9_.-]+$/, { error: "Expected a code such as quota_exceeded" })
    .default("denied"),
  message: templateText.default("Denied by policy"),
  headers: headers.optional(),
});

const rule = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9_.-]+$/, { error: "Expected a name such as allow-staff" }),
  match: match.default({}),
  allow: allowSchema.nullable().transform((allow) => allow ?? {}).optional(),
  deny: denySchema.optional(),
}).refine((r) => (r.allow === undefined) !== (r.deny === undefined), {
  error: "Expected exactly one of allow and deny",
});

const key = z.strictObject({
  name: z.string().min(1),
  key: z.string().min(1).optional(),
  key_sha256: z.string().regex(/^[0-9a-fA-F]{64}$/, { error: "Expected 64 hex digits" })
    .transform((hex) => hex.toLowerCase()).optional(),
  tenant: z.string().min(1).regex(/^[\x20-\x7e]+$/, { error: "Expected printable ASCII" }),
}).refine((k) => (k.key === undefined) !== (k.key_sha256 === undefined), {
  error: "Expected exactly one of key and key_sha256",
});

/** A whole rules file. */
export const rulesSchema = z.strictObject({
  version: z.string().regex(/^[\x21-\x7e]+$/, { error: "Expected a version without spaces" }),
  credentials: z.array(z.strictObject({ header: headerName, bearer: z.boolean().default(false) }))
    .default([{ header: "x-api-key", bearer: false }, { header: "authorization", bearer: true }]),
  keys: z.array(key).default([]),
  rules: z.array(rule),
}).superRefine((file, context) => {
  unique(file.keys.map(({ name }) => name), ["keys"], context);
  unique(file.rules.map(({ name }) => name), ["rules"], context);
  const names = new Set(file.keys.map(({ name }) => name));
  file.rules.forEach(({ match: { credential } }, i) => {
    if (typeof credential !== "object" || !("key" in credential)) return;
    for (const name of credential.key.filter((one) => !names.has(one))) {
      const path = ["rules", i, "match", "credential", "key"];
      context.addIssue({
        code: "custom",
        path,
        message: `Expected the name of a key: "${name}" is none`,
      });
    }
  });
});

function unique(names: string[], path: string[], context: z.RefinementCtx): void {
  names.forEach((name, i) => {
    if (names.indexOf(name) === i) return;
    context.addIssue({
      code: "custom",
      path: [...path, i, "name"],
      message: `Expected a name of its own: "${name}" is taken`,
    });
  });
}

/** The rules of the policy stub. */
export const RULES_FILE: DataFileKind<typeof rulesSchema> = {
  what: "rules",
  name: "rules.yaml",
  docs: "docs/policy.md",
  schema: rulesSchema,
};

/** A rules file as read. */
export type RulesFile = z.output<typeof rulesSchema>;
/** One rule as read. */
export type Rule = RulesFile["rules"][number];
/** Conditions of a rule. */
export type Match = Rule["match"];
/** One text matcher. */
export type TextMatcher = z.output<typeof matcher>;
/** An `allow`, as written: in scripts and rules alike. */
export type AllowInput = z.input<typeof allowSchema>;
/** An `allow`, as read. */
export type Allow = z.output<typeof allowSchema>;
/** A `deny`, as read. */
export type Deny = z.output<typeof denySchema>;
/** One header in a list, as read. */
export type HeaderLine = z.output<typeof headerLine>;
/** One header in a list, as written. */
export type HeaderMutation = z.input<typeof headerLine>;
/** Headers of a response, as read. */
export type Headers = z.output<typeof headers>;

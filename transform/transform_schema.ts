/** The words of a transform file, as zod schemas: the types follow from them. docs/transform.md explains each. */
import { z } from "zod";
import type { DataFileKind } from "../data_files/mod.ts";
import { DETECTOR_KINDS } from "./detect/detectors.ts";

const text = z.string().min(1, { error: "Expected a text that is not empty" });
const url = z.url({ protocol: /^https?$/, error: "Expected an http or https URL" });
const names = z.array(text).min(1, { error: "Expected at least one name" });
const positive = (what: string) => z.int({ error: `Expected ${what}` }).min(1);

/** A time such as `24h`, in milliseconds. */
const UNITS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7 };
const time = z.string().regex(/^\d{1,6}[smhd]$/, {
  error: "Expected a time such as 30s, 10m, 24h or 7d",
}).transform((written) => Number(written.slice(0, -1)) * (UNITS[written.slice(-1)] ?? 1));

/** Requests that a step is for; every one when left out. */
const when = z.strictObject({
  tenant: names.optional(),
  model: names.optional(),
  path: names.optional(),
});

const prompt = z.strictObject({
  when: when.optional(),
  system: z.strictObject({ prepend: text.optional(), append: text.optional() })
    .refine(({ prepend, append }) => prepend ?? append, {
      error: "Expected prepend, append, or both",
    }),
});

const inputField = z.union([
  z.literal("string"),
  z.literal("number"),
  z.literal("boolean"),
  z.strictObject({ enum: names }),
], { error: "Expected string, number, boolean, or { enum: [WORD, …] }" });

const api = z.strictObject({
  path: z.string().regex(/^\/v1\/run\/[A-Za-z0-9._-]+$/, {
    error: "Expected a path such as /v1/run/translate",
  }),
  model: text,
  messages: z.array(
    z.strictObject({ role: z.enum(["system", "developer", "user"]), content: text }),
  )
    .min(1),
  input: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), inputField).default({}),
  answer: z.enum(["text", "chat"]).default("text"),
  /** Further fields of the chat request: temperature, max_tokens. */
  parameters: z.record(z.string(), z.json()).default({}),
});

const onFailure = z.enum(["refuse", "pass"]).default("refuse");

const redact = z.strictObject({
  when: when.optional(),
  in: z.array(z.enum(["request", "response"])).min(1).default(["request", "response"]),
  detect: z.array(z.enum(DETECTOR_KINDS)).default([]),
  /** Presidio's analyzer, for names and places: `http://127.0.0.1:5002/analyze`. */
  presidio: z.strictObject({
    url,
    language: text.default("en"),
    entities: names.default(["PERSON", "LOCATION"]),
    score: z.number().min(0).max(1).default(0.5),
    on_failure: onFailure,
    timeout_ms: positive("milliseconds").default(5_000),
  }).optional(),
  replace: z.enum(["tag", "reversible"]).default("tag"),
  /** Country whose national numbers are found without a prefix (ISO 3166-1). */
  country: z.string().regex(/^[A-Z]{2}$/).optional(),
}).refine(({ detect, presidio }) => detect.length > 0 || presidio !== undefined, {
  error: "Expected detect, presidio, or both",
});

const words = z.strictObject({
  list: names.optional(),
  patterns: names.optional(),
  /** A file with a word a line, beside this one. */
  file: text.optional(),
}).refine(({ list, patterns, file }) => list ?? patterns ?? file, {
  error: "Expected list, patterns, file, or several of them",
});
const checks = {
  words: words.optional(),
  webhook: z.strictObject({ url, on_failure: onFailure, timeout_ms: positive("ms").default(5_000) })
    .optional(),
  moderation: z.strictObject({
    url,
    model: text.default("omni-moderation-latest"),
    key_env: text.optional(),
    on_failure: onFailure,
    timeout_ms: positive("milliseconds").default(5_000),
  }).optional(),
};
const guard = z.strictObject({
  when: when.optional(),
  input: z.strictObject(checks).optional(),
  output: z.strictObject({ ...checks, window: z.enum(["sentence", "whole"]).default("sentence") })
    .optional(),
}).refine(({ input, output }) => input ?? output, { error: "Expected input, output, or both" });

const cache = z.strictObject({
  when: z.enum(["deterministic", "always"]).default("deterministic"),
  for: time.default(3.6e6),
  wait: time.default(1e4),
  max_mib: positive("a number of MiB").default(256),
  /** Serves an answer to the same question in other words, too. */
  semantic: z.strictObject({
    /** An embeddings endpoint, `…/v1/embeddings`. */
    url,
    model: text,
    key_env: text.optional(),
    similarity: z.number().min(0.9).max(1).default(0.95),
    timeout_ms: positive("milliseconds").default(2_000),
  }).optional(),
});

const context = z.strictObject({
  session: z.strictObject({ header: z.string().regex(/^[a-z0-9-]+$/) })
    .default({ header: "x-session-id" }),
  keep: z.strictObject({
    turns: positive("a number of turns").default(20),
    tokens: positive("a number of tokens").default(4_000),
    for: time.default(8.64e7),
  }).prefault({}),
  /** Fate of turns beyond the limits; dropped when left out. */
  longer: z.strictObject({
    summarise: z.strictObject({
      /** A chat endpoint, `…/v1/chat/completions`. */
      url,
      model: text,
      key_env: text.optional(),
      timeout_ms: positive("milliseconds").default(60_000),
    }),
  }).optional(),
  as: z.enum(["messages", "header"]).default("messages"),
  on_store_failure: onFailure,
});

const mcpTools = z.strictObject({
  when: when.optional(),
  /** HOST:PORT of the engine that is asked about calls, gRPC. */
  policy: z.string().regex(/^[^\s:]+:\d{1,5}$/, { error: "Expected HOST:PORT" }),
  /** Where the engine finds method and tool: the namespace of Envoy's filter. */
  metadata: text.default("envoy.filters.http.mcp"),
  timeout_ms: positive("milliseconds").default(2_000),
});

const step = z.strictObject({
  prompt: prompt.optional(),
  api: api.optional(),
  redact: redact.optional(),
  guard: guard.optional(),
  cache: cache.optional(),
  context: context.optional(),
  mcp_tools: mcpTools.optional(),
}).refine((one) => Object.values(one).filter((value) => value !== undefined).length === 1, {
  error: "Expected exactly one of prompt, api, redact, guard, cache, context and mcp_tools",
});

/** A whole transform file. */
export const transformSchema = z.strictObject({
  version: z.literal(1, { error: "Expected 1" }),
  store: z.strictObject({
    path: text.optional(),
    /** Environment variable with redis://…, for several processors together. */
    redis_env: text.optional(),
  }).refine(({ path, redis_env }) => path === undefined || redis_env === undefined, {
    error: "Expected path or redis_env, not both",
  }).default({}),
  steps: z.array(step).min(1, { error: "Expected at least one step" }),
});

export type TransformFile = z.output<typeof transformSchema>;
export type StepFile = TransformFile["steps"][number];
export type When = z.output<typeof when>;

/** The steps of the transform processor. */
export const TRANSFORM_FILE: DataFileKind<typeof transformSchema> = {
  what: "steps",
  name: "transform.yaml",
  docs: "docs/transform.md",
  schema: transformSchema,
  check({ steps }) {
    const reversible = steps.findIndex(({ redact }) => redact?.replace === "reversible");
    const context = steps.findIndex(({ context }) => context !== undefined);
    const paths = steps.map(({ api }) => api?.path);
    const twice = paths.findIndex((path, at) => path !== undefined && paths.indexOf(path) < at);
    return [
      ...(reversible >= 0 && context >= 0
        ? [{
          path: ["steps", reversible, "redact", "replace"],
          message: "Expected tag: reversible tags live for one request, and context keeps turns",
        }]
        : []),
      ...(twice >= 0
        ? [{ path: ["steps", twice, "api", "path"], message: "Expected a path of its own" }]
        : []),
    ];
  },
};

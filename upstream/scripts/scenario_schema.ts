/** Schema of a scenario file: its conditions, and its answers. */
import { z } from "zod";
import type { DataFileKind } from "../../data_files/mod.ts";
import { DIALECTS, type ErrorInit } from "../../dialects/mod.ts";
import { messageOf, UsageError } from "../../service/mod.ts";
import type { BreakOff } from "../answers/answer_writer.ts";
import { type Pace, PACE_SCHEMA, parsePace } from "../answers/pace.ts";
import type { Reply } from "../../dialects/mod.ts";
import type { UpstreamScript } from "../types.ts";
import { ABORT_KINDS, SCRIPT_FIELDS } from "./schema.ts";
import { patternOf, type ScenarioMatch } from "./scenario_match.ts";
import { replyOfWholeJson } from "./whole_json.ts";

/** One answer of a scenario. */
export type ScenarioAnswer =
  | {
    readonly kind: "script";
    readonly script: UpstreamScript;
    /** The same for who asks for events, where the script writes one whole answer in JSON. */
    readonly streamed?: Reply;
  }
  | {
    readonly kind: "reply";
    readonly reply: Reply;
    readonly pace?: Partial<Pace>;
    readonly breakOff?: BreakOff;
  }
  | { readonly kind: "error"; readonly status: number; readonly init: ErrorInit }
  /** The mock's own answer, without the scenario. */
  | { readonly kind: "made"; readonly pace?: Partial<Pace>; readonly breakOff?: BreakOff };

/** A scenario: what it looks at, and what it answers, one after the other; the last answer repeats. */
export interface Scenario {
  /** The file's name without its ending, when not given; also works in `x-mock-script`. */
  readonly name: string;
  /** Without a match, the scenario answers only when it is named. */
  readonly match?: ScenarioMatch;
  readonly answers: readonly ScenarioAnswer[];
}

const PATTERN = z.string().min(1).superRefine((text, context) => {
  try {
    patternOf(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: messageOf(error) });
  }
});

const COUNT = z.int().min(0);
const MATCH = z.strictObject({
  model: PATTERN.optional(),
  last_message: PATTERN.optional(),
  user: PATTERN.optional(),
  system: z.union([PATTERN, z.array(PATTERN).min(1)]).optional(),
  tools: z.union([z.boolean(), PATTERN, z.array(PATTERN).min(1)]).optional(),
  tool_result: z.union([z.boolean(), PATTERN]).optional(),
  tool_call_id: PATTERN.optional(),
  turn: z.int().min(1).optional(),
  replies: COUNT.optional(),
  images: z.union([z.boolean(), z.int().min(0)]).optional(),
  stream: z.boolean().optional(),
  json: z.boolean().optional(),
  dialect: z.enum(DIALECTS).optional(),
  path: PATTERN.optional(),
  method: PATTERN.optional(),
  headers: z.record(z.string(), PATTERN).optional(),
});

const REPLY_FIELDS = z.strictObject({
  text: z.string().optional(),
  chunks: z.union([z.int().min(1), z.array(z.string())]).optional(),
  reasoning: z.string().optional(),
  tool_calls: z.array(z.strictObject({
    name: z.string().min(1),
    id: z.string().min(1).optional(),
    arguments: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
    input: z.string().optional(),
  })).optional(),
  refusal: z.string().optional(),
  embedding: z.array(z.number()).min(1).optional(),
  images: z.array(z.strictObject({
    url: z.string().optional(),
    b64_json: z.string().optional(),
    revised_prompt: z.string().optional(),
  })).min(1).optional(),
  audio: z.base64().optional(),
  finish: z.enum(["stop", "length", "tool_calls", "content_filter"]).optional(),
  usage: z.strictObject({
    input: COUNT.optional(),
    output: COUNT.optional(),
    cached: COUNT.optional(),
    reasoning: COUNT.optional(),
  }).optional(),
  pace: z.union([z.string(), PACE_SCHEMA]).optional(),
  abort: z.enum(ABORT_KINDS).optional(),
  after: COUNT.optional(),
});
const REPLY = z.union([z.string(), REPLY_FIELDS]);

const STATUS = z.int().min(400).max(599);
const ERROR = z.union([
  STATUS,
  z.strictObject({
    status: STATUS,
    message: z.string().optional(),
    type: z.string().optional(),
    code: z.string().optional(),
    param: z.string().optional(),
    retry_after: z.number().min(0).optional(),
  }),
]);

const ANSWER = z.union([
  z.literal("ok"),
  STATUS,
  z.strictObject({ reply: REPLY }),
  z.strictObject({ error: ERROR }),
  z.strictObject(SCRIPT_FIELDS),
]);

/** One scenario as it is written. */
export const SCENARIO = z.strictObject({
  name: z.string().min(1).optional(),
  match: MATCH.optional(),
  reply: REPLY.optional(),
  error: ERROR.optional(),
  answers: z.array(ANSWER).min(1).optional(),
  ...SCRIPT_FIELDS,
  steps: SCRIPT_FIELDS.steps.optional(),
});

/** A scenario as somebody wrote it. */
export type WrittenScenario = z.infer<typeof SCENARIO>;

const SAYS = ["reply", "error", "answers", "steps"] as const;

/** A file of the scenarios folder. */
export const SCENARIO_FILE: DataFileKind<typeof SCENARIO> = {
  what: "scenario",
  name: "scenario.yaml",
  docs: "docs/upstream.md",
  schema: SCENARIO,
  check: findingsOf,
};

const REPLY_ALONE = z.strictObject({ reply: REPLY.optional(), error: ERROR.optional() });

/** A reply or an error that is set by name, in place of a script. */
export const NAMED_REPLY: DataFileKind<typeof REPLY_ALONE> = {
  what: "script",
  name: "script.yaml",
  docs: "docs/upstream.md",
  schema: REPLY_ALONE,
  check: findingsOf,
};

const LIST = z.array(SCENARIO);

/** A file of the folder that holds several scenarios, as a list. */
export const SCENARIO_LIST: DataFileKind<typeof LIST> = {
  what: "scenarios",
  name: "scenarios.yaml",
  docs: "docs/upstream.md",
  schema: LIST,
  check: (list) =>
    list.flatMap((scenario, index) =>
      findingsOf(scenario).map(({ path, message }) => ({ path: [index, ...path], message }))
    ),
};

/** Either of them, for editors, which know a file before it is read. */
const EITHER = z.union([SCENARIO, LIST]);
export const SCENARIO_DOCUMENT: DataFileKind<typeof EITHER> = {
  what: "scenarios",
  name: "scenario.yaml",
  docs: "docs/upstream.md",
  schema: EITHER,
};

function findingsOf(scenario: WrittenScenario): { path: PropertyKey[]; message: string }[] {
  const said = SAYS.filter((key) => scenario[key] !== undefined);
  if (said.length === 1) return paceFindings(scenario);
  const found = said.length === 0 ? "there is none" : `there are ${said.join(" and ")}`;
  return [{ path: said.slice(1, 2), message: `Expected one of ${SAYS.join(", ")}: ${found}` }];
}

/** A pace in one word is read by a parser of its own. */
function paceFindings({ reply }: WrittenScenario): { path: PropertyKey[]; message: string }[] {
  if (typeof reply !== "object" || typeof reply.pace !== "string") return [];
  try {
    parsePace(reply.pace);
    return [];
  } catch (error) {
    return [{ path: ["reply", "pace"], message: messageOf(error) }];
  }
}

/** Returns a scenario as it runs. */
export function scenarioOf(written: WrittenScenario, name: string): Scenario {
  const { match, reply, error, answers, steps, early, encoding } = written;
  const script = steps === undefined ? undefined : { early, encoding, steps } as UpstreamScript;
  return {
    name: written.name ?? name,
    ...(match === undefined ? {} : { match: match as ScenarioMatch }),
    answers: answers?.map(answerOf) ?? [
      script
        ? scriptAnswer(script)
        : answerOf(reply === undefined ? { error: error ?? INTERNAL } : { reply }),
    ],
  };
}

/**
 * Checks a scenario that did not come in a file.
 *
 * @throws {UsageError} naming the place and what was expected
 */
export function readScenario(written: unknown, what: string, name = "body"): Scenario {
  const parsed = SCENARIO.safeParse(written);
  const [issue] = parsed.success ? findingsOf(parsed.data) : parsed.error.issues;
  if (parsed.success && issue === undefined) return scenarioOf(parsed.data, name);
  const place = issue && issue.path.length > 0 ? ` at "${issue.path.join(".")}"` : "";
  throw new UsageError(`Cannot read ${what}${place}: ${issue?.message ?? "not understood"}`);
}

const INTERNAL = 500;

function scriptAnswer(script: UpstreamScript): ScenarioAnswer {
  const streamed = replyOfWholeJson(script);
  return { kind: "script", script, ...(streamed === undefined ? {} : { streamed }) };
}

/** Returns one answer as it runs. */
function answerOf(written: z.infer<typeof ANSWER>): ScenarioAnswer {
  if (written === "ok") return { kind: "made" };
  if (typeof written === "number") return errorOf(written);
  if ("error" in written) return errorOf(written.error);
  if ("steps" in written) return scriptAnswer(written as UpstreamScript);
  const { reply } = written;
  if (typeof reply === "string") return { kind: "reply", reply: { text: reply } };
  const { pace, abort, after, ...said } = reply;
  return {
    kind: "reply",
    reply: said as Reply,
    ...(pace === undefined ? {} : { pace: typeof pace === "string" ? parsePace(pace) : pace }),
    ...(abort === undefined
      ? {}
      : { breakOff: after === undefined ? { abort } : { abort, after } }),
  };
}

/** Defaults of an error: message, code, and seconds until the next try. */
const ERRORS: Readonly<Record<number, Pick<ErrorInit, "message" | "code" | "retryAfter">>> = {
  400: { message: "The request is not valid." },
  401: { message: "Incorrect API key provided.", code: "invalid_api_key" },
  403: { message: "You do not have access to this resource." },
  404: { message: "The requested resource does not exist.", code: "not_found" },
  413: { message: "The request is too large." },
  429: { message: "Rate limit reached.", code: "rate_limit_exceeded", retryAfter: 1 },
  500: { message: "The server had an error while processing your request." },
  503: { message: "The engine is currently overloaded.", retryAfter: 1 },
  529: { message: "Overloaded", retryAfter: 1 },
};

function errorOf(written: z.infer<typeof ERROR>): ScenarioAnswer {
  const { status, retry_after, ...said } = typeof written === "number"
    ? { status: written }
    : written;
  const usual: Partial<ErrorInit> = { message: `Answered with ${status} by a scenario.` };
  const init = {
    ...usual,
    ...ERRORS[status],
    ...said,
    ...(retry_after === undefined ? {} : { retryAfter: retry_after }),
  };
  return { kind: "error", status, init: init as ErrorInit };
}

/** Conditions of a route on what a request says: its prompt, its length, its kind. */
import { compilePattern, type Pattern } from "../patterns/mod.ts";
import type { RouteEntry } from "./route_schema.ts";

/** Conditions as they stand in the file. */
export type When = NonNullable<RouteEntry["when"]>;

/** Kinds of content that a condition may ask for. */
export const KINDS = ["images", "audio", "files", "tools"] as const;

/** Facts about a request that conditions look at. */
export interface RequestFacts {
  /** The last text that the user said. */
  readonly prompt: string;
  /** Tokens of the whole prompt, as an estimate: a fourth of its characters. */
  readonly tokens: number;
  readonly has: ReadonlySet<(typeof KINDS)[number]>;
  readonly reasoningEffort: string | undefined;
  readonly streams: boolean;
}

/** Characters of a token, as an estimate. */
const CHARACTERS_PER_TOKEN = 4;

type Members = Readonly<Record<string, unknown>>;

/** Types of parts, in the words of Chat, Responses and Messages, by the kind of their content. */
const PARTS: Readonly<Record<string, (typeof KINDS)[number]>> = {
  image_url: "images",
  input_image: "images",
  image: "images",
  input_audio: "audio",
  file: "files",
  input_file: "files",
  document: "files",
};

/** Members that are the prompt, whatever API it is of. */
const PROMPT = ["system", "instructions", "messages", "prompt", "input"] as const;

/** Reads the facts of a request's body. */
export function factsOf(members: Members): RequestFacts {
  const has = new Set<(typeof KINDS)[number]>();
  let length = 0;
  let prompt = "";
  const walk = (value: unknown, isUsers: boolean): void => {
    if (typeof value === "string") {
      length += value.length;
      if (isUsers) prompt += prompt === "" ? value : `\n${value}`;
    } else if (Array.isArray(value)) {
      for (const item of value) walk(item, isUsers);
    } else if (typeof value === "object" && value !== null) {
      const part = value as Members;
      const kind = PARTS[String(part.type)];
      // What is no text has a price of its own, which its bytes do not say.
      if (kind !== undefined) has.add(kind);
      else if (part.content !== undefined || part.text !== undefined) {
        walk(part.content ?? part.text, isUsers);
      }
    }
  };
  for (const name of PROMPT) {
    const value = members[name];
    const messages = Array.isArray(value) ? value : [value];
    const last = messages.findLastIndex((one) => typeof one === "string" || one?.role === "user");
    const isSaid = name === "messages" || name === "prompt" || name === "input";
    messages.forEach((message, at) => walk(message, isSaid && at === last));
  }
  if (Array.isArray(members.tools) && members.tools.length > 0) has.add("tools");
  const { effort } = (members.reasoning ?? {}) as { effort?: unknown };
  const said = members.reasoning_effort ?? effort;
  return {
    prompt,
    tokens: Math.ceil(length / CHARACTERS_PER_TOKEN),
    has,
    reasoningEffort: typeof said === "string" ? said : undefined,
    streams: members.stream === true,
  };
}

/** One condition, and whether it holds. */
export interface Checked {
  readonly condition: string;
  readonly holds: boolean;
}

const compiled = new WeakMap<object, Pattern>();

/** Looks at each condition of a route; all must hold. */
export function checkedConditions(when: When, facts: RequestFacts): Checked[] {
  const { prompt, tokens, has = [], reasoning_effort: efforts, stream } = when;
  return [
    ...(prompt === undefined ? [] : [{
      condition: `prompt matches ${prompt.regex}`,
      holds: patternOf(prompt).test(facts.prompt),
    }]),
    ...(tokens?.over === undefined ? [] : [{
      condition: `tokens over ${tokens.over}`,
      holds: facts.tokens > tokens.over,
    }]),
    ...(tokens?.under === undefined ? [] : [{
      condition: `tokens under ${tokens.under}`,
      holds: facts.tokens < tokens.under,
    }]),
    ...has.map((kind) => ({ condition: `has ${kind}`, holds: facts.has.has(kind) })),
    ...(efforts === undefined ? [] : [{
      condition: `reasoning_effort ${efforts.join(" or ")}`,
      holds: efforts.includes(facts.reasoningEffort ?? ""),
    }]),
    ...(stream === undefined ? [] : [{
      condition: stream ? "stream" : "no stream",
      holds: facts.streams === stream,
    }]),
  ];
}

/** Whether all conditions hold. */
export function holds(when: When, facts: RequestFacts): boolean {
  return checkedConditions(when, facts).every((one) => one.holds);
}

/** Compiled once; `loadPatterns()` comes before the first request. */
function patternOf(prompt: NonNullable<When["prompt"]>): Pattern {
  const known = compiled.get(prompt) ?? compilePattern(prompt.regex, { flags: "is" });
  compiled.set(prompt, known);
  return known;
}

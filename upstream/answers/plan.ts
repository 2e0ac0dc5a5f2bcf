/** Decides what an answer says, before any dialect shapes it: reasoning, text, tool calls, why it ended, usage. */
import { type Ask, type AskTool, questionOf } from "../../dialects/mod.ts";
import { RequestError } from "./request_error.ts";
import type { Random } from "./random.ts";
import { regexInstance } from "./schema/regex.ts";
import { validInstance } from "./schema/instance.ts";
import { answerTokens, countTokens, tokenize } from "./text.ts";

/** One tool call of an answer. */
export interface PlannedCall {
  /** The id that a scenario gives it; made of `digits` when it gives none. */
  readonly id?: string;
  readonly digits: string;
  readonly name: string;
  /** `custom` calls carry free text. */
  readonly kind: "function" | "custom";
  /** JSON text of the arguments, or the text of a custom call. */
  readonly input: string;
}

/** Why an answer ended. */
export type PlanEnd =
  | "stop"
  | "stop_sequence"
  | "length"
  | "tool_calls"
  | "refusal"
  | "content_filter";

/** Content of one choice, before it is shaped as JSON or as events. */
export interface ChoicePlan {
  readonly reasoning: readonly string[];
  readonly content: readonly string[] | undefined;
  readonly refusal?: readonly string[];
  readonly calls: readonly PlannedCall[];
  readonly end: PlanEnd;
  /** The sequence that ended it. */
  readonly stopped?: string;
}

/** Token counts of an answer, for every dialect to put into its own words. */
export interface PlanUsage {
  readonly input: number;
  readonly output: number;
  /** Part of `input` that came from a cache. */
  readonly cached: number;
  /** Part of `output` that was reasoning. */
  readonly reasoning: number;
}

/** Returns the id of a call: OpenAI's begin with `call_`, Anthropic's with `toolu_`. */
export function callId(call: PlannedCall, prefix: string): string {
  return call.id ?? `${prefix}${call.digits}`;
}

/** Plans one choice of an answer. */
export function planChoice(
  ask: Ask,
  options: { random: Random; tokens: number | undefined },
): ChoicePlan {
  const { random } = options;
  const reasoning = ask.reasoning === 0
    ? []
    : [...answerTokens(questionOf(ask), { random, tokens: ask.reasoning })];
  const calls = planCalls(ask, random);
  if (calls.length > 0) return { reasoning, content: undefined, calls, end: "tool_calls" };
  const all = ask.schema === undefined
    ? [...answerTokens(questionOf(ask), {
      random,
      tokens: options.tokens === undefined ? undefined : Math.min(options.tokens, ask.limit + 1),
    })]
    : tokenize(JSON.stringify(validInstance(ask.schema, "the response format")));
  const cut = all.slice(0, ask.limit);
  const stopped = stopAt(cut, ask.stop);
  if (stopped) return { reasoning, calls: [], end: "stop_sequence", ...stopped };
  return { reasoning, content: cut, calls: [], end: cut.length < all.length ? "length" : "stop" };
}

/** Counts the tokens of a request. */
export function inputTokens(ask: Ask): number {
  const texts = [...ask.system, ...ask.turns.map((turn) => turn.text)];
  return texts.reduce((sum, text) => sum + 3 + countTokens(text), 3);
}

/** Counts the tokens of a whole answer. */
export function usageOf(ask: Ask, plans: readonly ChoicePlan[]): PlanUsage {
  let output = 0;
  let reasoning = 0;
  for (const plan of plans) {
    reasoning += plan.reasoning.length;
    output += plan.reasoning.length + (plan.content?.length ?? 0) + (plan.refusal?.length ?? 0);
    for (const call of plan.calls) output += 1 + fragmentsOf(call.input).length;
  }
  return { input: inputTokens(ask), output, cached: 0, reasoning };
}

/** Characters of arguments per streamed fragment: a few tokens, never a whole object at once. */
const FRAGMENT = 8;

/** Cuts a tool call's input into the fragments that a stream sends. */
export function fragmentsOf(text: string): string[] {
  const characters = [...text];
  const fragments: string[] = [];
  for (let at = 0; at < characters.length; at += FRAGMENT) {
    fragments.push(characters.slice(at, at + FRAGMENT).join(""));
  }
  return fragments;
}

/**
 * Which tools to call: a required one always, otherwise one when the user spoke last, so that an agent's loop ends once
 * the tool has answered.
 */
function planCalls(ask: Ask, random: Random): PlannedCall[] {
  const { mode, names } = ask.choice;
  const offered = ask.tools.filter((tool) => names === undefined || names.includes(tool.name));
  if (offered.length === 0 || mode === "none") return [];
  if (mode === "auto" && ask.turns.at(-1)?.role === "tool") return [];
  const called = ask.parallel ? offered : [preferred(offered)];
  return called.map((tool) => ({
    digits: random.hex(24),
    name: tool.name,
    kind: tool.custom === undefined ? "function" : "custom",
    input: tool.custom === undefined ? argumentsOf(tool) : customInput(tool.name, tool.custom),
  }));
}

/** A tool whose input can be made up comes before one with a grammar that the mock does not know. */
function preferred(tools: readonly AskTool[]): AskTool {
  return tools.find((tool) => tool.custom?.grammar === undefined) ?? tools[0] as AskTool;
}

/** Arguments are always an object: what a tool without a schema takes is none. */
function argumentsOf(tool: AskTool): string {
  const schema = tool.parameters ?? {};
  const instance = validInstance(schema, `the tool "${tool.name}"`);
  const isObject = typeof instance === "object" && instance !== null && !Array.isArray(instance);
  return JSON.stringify(isObject ? instance : {});
}

function customInput(name: string, custom: NonNullable<AskTool["custom"]>): string {
  if (custom.regex !== undefined) return regexInstance(custom.regex);
  if (custom.grammar === undefined) return "example input";
  throw new RequestError(
    `The mock cannot make up input for the tool "${name}": grammars of syntax "${custom.grammar}" are not solved. ` +
      `Give the answer in a scenario.`,
    { param: "tools", code: "unsupported_grammar" },
  );
}

/** Cuts before the first stop sequence; `undefined` when there is none in the text. */
function stopAt(
  tokens: readonly string[],
  stop: readonly string[],
): { content: string[]; stopped: string } | undefined {
  const text = tokens.join("");
  let first: { at: number; sequence: string } | undefined;
  for (const sequence of stop) {
    const at = sequence === "" ? -1 : text.indexOf(sequence);
    if (at >= 0 && (first === undefined || at < first.at)) first = { at, sequence };
  }
  return first && { content: tokenize(text.slice(0, first.at)), stopped: first.sequence };
}

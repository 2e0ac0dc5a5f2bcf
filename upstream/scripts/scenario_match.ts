/** Whether a request is the one that a scenario waits for, and where it differs from the nearest one. */
import type { Dialect } from "../../dialects/mod.ts";
import { compilePattern } from "../../patterns/mod.ts";
import type { Ask } from "../../dialects/mod.ts";

/** Conditions of a scenario; every field given must match. `/…/flags` is a regular expression. */
export interface ScenarioMatch {
  readonly model?: string;
  /** The text of the last turn (or of `input`, or `prompt`). */
  readonly last_message?: string;
  /** The system prompts, joined by line ends. */
  readonly system?: string;
  /** Whether tools are offered, or names of tools that are. */
  readonly tools?: boolean | string | readonly string[];
  /** Whether the last turn is a tool's, or its text. */
  readonly tool_result?: boolean | string;
  /** Which turn of the user this is, counted from 1. */
  readonly turn?: number;
  /** Whether the conversation holds images, or how many. */
  readonly images?: boolean | number;
  readonly stream?: boolean;
  readonly dialect?: Dialect;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Properties of a request that can be matched. */
export interface MatchInput {
  readonly method: string;
  readonly path: string;
  readonly dialect: Dialect;
  readonly model: string | undefined;
  readonly lastMessage: string | undefined;
  /** The request in neutral form; `undefined` when it is no request for text, or not a valid one. */
  readonly ask: Ask | undefined;
  header(name: string): string | undefined;
}

/** One field of a match beside what the request has there. */
interface Field {
  readonly name: string;
  readonly wanted: unknown;
  readonly found: unknown;
  readonly fits: boolean;
}

/** Whether a request satisfies every field of a match. */
export function matches(match: ScenarioMatch, input: MatchInput): boolean {
  return fieldsOf(match, input).every(({ fits }) => fits);
}

/** Returns the match that shares the most fields with a request, and the first field in which it differs. */
export function nearestOf<T extends { readonly match?: ScenarioMatch }>(
  scenarios: readonly T[],
  input: MatchInput,
): { readonly scenario: T; readonly differs: string } | undefined {
  let best: { scenario: T; differs: string; share: number } | undefined;
  for (const scenario of scenarios) {
    if (scenario.match === undefined) continue;
    const fields = fieldsOf(scenario.match, input);
    const wrong = fields.filter(({ fits }) => !fits);
    const share = (fields.length - wrong.length) / Math.max(1, fields.length);
    const [first] = wrong;
    if (first === undefined || (best && share <= best.share)) continue;
    const found = first.found === undefined ? "nothing" : JSON.stringify(first.found);
    const differs = `${first.name} is ${short(found)}, not ${short(JSON.stringify(first.wanted))}`;
    best = { scenario, differs, share };
  }
  return best;
}

/** Longest value shown of a difference. */
const SHOWN = 80;

function short(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** Everything that a match says, beside what the request has. */
function fieldsOf(match: ScenarioMatch, input: MatchInput): Field[] {
  const { ask } = input;
  const fields: Field[] = [];
  const add = (name: string, wanted: unknown, found: unknown) => {
    if (wanted !== undefined) fields.push({ name, wanted, found, fits: fits(wanted, found) });
  };
  add("method", match.method, input.method);
  add("path", match.path, input.path);
  add("dialect", match.dialect, input.dialect);
  add("model", match.model, input.model);
  add("stream", match.stream, ask?.stream);
  add("turn", match.turn, ask?.turns.filter(({ role }) => role === "user").length);
  const images = ask?.turns.reduce((sum, turn) => sum + turn.images, 0);
  add("images", match.images, typeof match.images === "boolean" ? (images ?? 0) > 0 : images);
  add("system", match.system, ask?.system.join("\n"));
  const offered = ask?.tools.map(({ name }) => name) ?? [];
  if (typeof match.tools === "boolean") add("tools", match.tools, offered.length > 0);
  else if (match.tools !== undefined) {
    const wanted = typeof match.tools === "string" ? [match.tools] : match.tools;
    for (const name of wanted) {
      const found = offered.some((tool) => fits(name, tool));
      fields.push({ name: "tools", wanted: name, found: offered, fits: found });
    }
  }
  const last = ask?.turns.at(-1);
  const result = last?.role === "tool" ? last.text : undefined;
  add(
    "tool_result",
    match.tool_result,
    typeof match.tool_result === "boolean" ? result !== undefined : result,
  );
  add("last_message", match.last_message, input.lastMessage);
  for (const [name, pattern] of Object.entries(match.headers ?? {})) {
    add(`header "${name}"`, pattern, input.header(name.toLowerCase()));
  }
  return fields;
}

function fits(wanted: unknown, found: unknown): boolean {
  if (typeof wanted !== "string") return wanted === found;
  return typeof found === "string" && patternOf(wanted)(found);
}

/**
 * `/…/flags` tests a regular expression; anything else is compared as it is.
 *
 * @throws {SyntaxError} for an expression that is none
 */
export function patternOf(text: string): (value: string) => boolean {
  const regex = /^\/(.*)\/([imsu]*)$/s.exec(text);
  // A path such as "/v1/models/" looks like an expression too; paths are meant as they are.
  if (!regex || /^\/v\d/.test(text)) return (value) => value === text;
  const expression = compilePattern(regex[1] ?? "", { flags: regex[2] ?? "" });
  return (value) => expression.test(value);
}

/** Whether a request is the one that a scenario waits for, and where it differs from the nearest one. */
import type { Dialect } from "../../dialects/mod.ts";
import { compilePattern } from "../../patterns/mod.ts";
import type { Ask } from "../../dialects/mod.ts";

/** Conditions of a scenario; every field given must match. `/…/flags` is a regular expression. */
export interface ScenarioMatch {
  readonly model?: string;
  /** The text of the last turn (or of `input`, or `prompt`). */
  readonly last_message?: string;
  /** The text of the user's last turn, whatever tools have said since. */
  readonly user?: string;
  /** The system prompts, joined by line ends, or texts that each must fit them. */
  readonly system?: string | readonly string[];
  /** Whether tools are offered, or names of tools that are. */
  readonly tools?: boolean | string | readonly string[];
  /** Whether the last turn is a tool's, or its text. */
  readonly tool_result?: boolean | string;
  /** The id of the call that the last turn answers. */
  readonly tool_call_id?: string;
  /** Which turn of the user this is, counted from 1. */
  readonly turn?: number;
  /** How many turns of the model the conversation holds. */
  readonly replies?: number;
  /** Whether the conversation holds images, or how many. */
  readonly images?: boolean | number;
  readonly stream?: boolean;
  /** Whether the answer is to be JSON. */
  readonly json?: boolean;
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

/**
 * Returns the match that comes nearest to a request, and the first field in which it differs: one for another endpoint
 * last, then by the share of fields that fit, then by how alike the texts of the others are.
 */
export function nearestOf<T extends { readonly match?: ScenarioMatch }>(
  scenarios: readonly T[],
  input: MatchInput,
): { readonly scenario: T; readonly differs: string } | undefined {
  let best: { scenario: T; differs: string; rank: number } | undefined;
  for (const scenario of scenarios) {
    if (scenario.match === undefined) continue;
    const fields = fieldsOf(scenario.match, input);
    const wrong = fields.filter(({ fits }) => !fits);
    const [first] = wrong;
    if (first === undefined) continue;
    const elsewhere = wrong.some(({ name }) => ELSEWHERE.has(name)) ? 1 : 0;
    const share = (fields.length - wrong.length) / fields.length;
    const alike = Math.max(...wrong.map(({ wanted, found }) => likeness(wanted, found)));
    const rank = share + alike / (fields.length + 1) - elsewhere;
    if (best && rank <= best.rank) continue;
    const found = first.found === undefined ? "nothing" : JSON.stringify(first.found);
    const differs = `${first.name} is ${short(found)}, not ${short(JSON.stringify(first.wanted))}`;
    best = { scenario, differs, rank };
  }
  return best;
}

/** Fields in which a request for another endpoint differs. */
const ELSEWHERE: ReadonlySet<string> = new Set(["path", "method", "dialect"]);

/** How alike two texts are, from 0 to 1: the share of pairs of letters that the shorter has in common with the other. */
function likeness(one: unknown, other: unknown): number {
  if (typeof one !== "string" || typeof other !== "string") return 0;
  const [few, many] = [pairsOf(one), pairsOf(other)].sort((a, b) => a.size - b.size);
  if (few === undefined || many === undefined || few.size === 0) return 0;
  return [...few].filter((pair) => many.has(pair)).length / few.size;
}

function pairsOf(text: string): Set<string> {
  const letters = [
    ...text.toLowerCase().slice(0, 1_000).replaceAll(/[^\p{L}\p{N}]+/gu, " ").trim(),
  ];
  return new Set(letters.slice(1).map((letter, at) => `${letters[at]}${letter}`));
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
  add("json", match.json, ask && ask.schema !== undefined);
  const turnsOf = (who: string) => ask?.turns.filter(({ role }) => role === who);
  add("turn", match.turn, turnsOf("user")?.length);
  add("replies", match.replies, turnsOf("assistant")?.length);
  const images = ask?.turns.reduce((sum, turn) => sum + turn.images, 0);
  add("images", match.images, typeof match.images === "boolean" ? (images ?? 0) > 0 : images);
  for (const wanted of [match.system].flat()) add("system", wanted, ask?.system.join("\n"));
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
  add("tool_call_id", match.tool_call_id, result === undefined ? undefined : last?.answers);
  add("user", match.user, ask ? turnsOf("user")?.at(-1)?.text : input.lastMessage);
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

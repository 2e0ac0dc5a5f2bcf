/** A recorded exchange as a scenario that a person can read and change. */
import { stringify } from "yaml";
import { readSaid, type Said } from "../../dialects/mod.ts";
import type { MatchInput, ScenarioMatch } from "../scripts/scenario_match.ts";
import { bytesOf, type Recording } from "./recording.ts";

/**
 * Returns the text of a scenario file: the request by its model, turn and last words, the answer as a reply or an error.
 * `undefined` for an endpoint that does not talk.
 */
export function recordedScenario(recording: Recording, input: MatchInput): string | undefined {
  const { status, headers } = recording.response;
  const header = (name: string) => headers.find(([key]) => key.toLowerCase() === name)?.[1] ?? "";
  const text = textOf(recording);
  if (input.ask === undefined) return undefined;
  if (status >= 400) {
    const error = errorOf(status, text, Number(header("retry-after") || NaN));
    return stringify({ match: matchOf(input), error });
  }
  const said = readSaid(header("content-type"), text);
  return said && stringify({ match: matchOf(input), reply: replyOf(said) });
}

function textOf({ chunks }: Recording): string {
  const decoder = new TextDecoder();
  return chunks.map((chunk) => decoder.decode(bytesOf(chunk), { stream: true })).join("");
}

/** Texts that look like an expression are written as one that fits them alone. */
function literal(text: string): string {
  return text.startsWith("/") ? `/^${text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}$/` : text;
}

function matchOf({ ask, model, lastMessage }: MatchInput): ScenarioMatch {
  const turn = ask?.turns.filter(({ role }) => role === "user").length ?? 0;
  const said = lastMessage === undefined || lastMessage === "" ? undefined : literal(lastMessage);
  const isResult = ask?.turns.at(-1)?.role === "tool";
  return {
    ...(model ? { model: literal(model) } : {}),
    ...(said === undefined ? {} : isResult ? { tool_result: said } : { last_message: said }),
    ...(turn > 0 ? { turn } : {}),
  };
}

function replyOf(said: Said) {
  const { text, reasoning, refusal, calls, finish, usage } = said;
  return {
    ...(text ? { text } : {}),
    ...(reasoning ? { reasoning } : {}),
    ...(refusal ? { refusal } : {}),
    ...(calls.length === 0 ? {} : { tool_calls: calls.map(callOf) }),
    ...(finish ? { finish } : {}),
    ...(usage ? { usage } : {}),
  };
}

/** Arguments are written as an object, so that they can be read; what is no JSON stays as it is. */
function callOf({ name, input, custom }: Said["calls"][number]) {
  if (custom) return { name, input };
  try {
    const value = JSON.parse(input);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return { name, arguments: isObject ? value : input };
  } catch {
    return { name, arguments: input };
  }
}

function errorOf(status: number, text: string, retryAfter: number) {
  let message: unknown;
  try {
    message = JSON.parse(text).error?.message;
  } catch {
    message = undefined;
  }
  return {
    status,
    ...(typeof message === "string" ? { message } : {}),
    ...(Number.isFinite(retryAfter) ? { retry_after: retryAfter } : {}),
  };
}

/** Finds the part of a session that a client tells by itself, so that nothing is put in twice. */
import type { Json } from "../../openai/mod.ts";
import type { JsonObject } from "../exchange.ts";
import { canonical } from "./cache.ts";

/**
 * Returns the messages of a request that are new: those behind the last message of the session, where the client sends
 * that one with all that stands between it and the beginning of either. Undefined where it sends nothing of the session.
 */
export function freshOf(
  own: readonly JsonObject[],
  history: readonly JsonObject[],
): readonly JsonObject[] | undefined {
  const known = history.map(essence);
  const said = own.map(essence);
  if (known.length === 0) return undefined;
  for (let end = said.length - 2; end >= 0; end--) {
    const length = Math.min(end + 1, known.length);
    const isSame = Array.from({ length }, (_, back) => back)
      .every((back) => said[end - back] === known[known.length - 1 - back]);
    if (isSame) return own.slice(end + 1);
  }
  return undefined;
}

/** Fields that make a message the same for a model: clients leave out others of an answer. */
function essence({ role, content, tool_calls, tool_call_id }: JsonObject): string {
  const calls = Array.isArray(tool_calls) && tool_calls.length > 0 ? tool_calls : null;
  return canonical([role ?? null, textOf(content ?? null), calls, tool_call_id ?? null]);
}

/** A content of one text is that text. */
function textOf(content: Json): Json {
  if (content === "") return null;
  if (!Array.isArray(content)) return content;
  const parts = content as JsonObject[];
  return parts.every(({ type, text }) => type === "text" && typeof text === "string")
    ? parts.map(({ text }) => text).join("")
    : content;
}

/** An answer as it goes into later requests: what a model said, without what only answers hold. */
export function asSaid({ content, refusal, tool_calls }: JsonObject): JsonObject {
  return {
    role: "assistant",
    content: content ?? null,
    ...(typeof refusal === "string" && { refusal }),
    ...(Array.isArray(tool_calls) && tool_calls.length > 0 && { tool_calls }),
  };
}

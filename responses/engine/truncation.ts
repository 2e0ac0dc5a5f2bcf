/** `truncation: auto` (API reference): what is left out when a model cannot take all. Pure. */
import type { ChatMessage } from "../../openai/mod.ts";

/**
 * Returns the messages without the older half of what may be left out: the turns before the last user's message, or,
 * where there are none, the older rounds of tools after it. Undefined when nothing may.
 */
export function shortened(messages: readonly ChatMessage[]): ChatMessage[] | undefined {
  const head = messages.findIndex(({ role }) => role !== "system" && role !== "developer");
  if (head < 0) return undefined;
  const lastUser = messages.findLastIndex(({ role }) => role === "user");
  if (lastUser > head) return without(messages, head, lastUser);
  // The last round is what the model is to go on with.
  const lastRound = messages.findLastIndex(({ role }) => role === "assistant");
  return lastRound > lastUser + 1 ? without(messages, lastUser + 1, lastRound) : undefined;
}

function without(messages: readonly ChatMessage[], from: number, end: number): ChatMessage[] {
  let until = from + Math.ceil((end - from) / 2);
  // A tool's result makes no sense without the call before it.
  while (until < end && messages[until]?.role === "tool") until++;
  return [...messages.slice(0, from), ...messages.slice(until)];
}

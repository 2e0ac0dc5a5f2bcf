/** System and developer messages, as a model's chat template takes them. Pure. */
import type { ChatMessage } from "../../openai/mod.ts";
import { invalidRequest } from "../api/errors.ts";
import { onlyText, partsOf } from "./content_parts.ts";

/** Their treatment; `first` is what every template accepts. */
export const SYSTEM_MESSAGES = ["first", "in_place", "developer"] as const;
export type SystemMessages = typeof SYSTEM_MESSAGES[number];

/**
 * Returns the messages with those of the system and of developers arranged: `first` makes them one system message at
 * the beginning, `in_place` leaves each where it stands as the system's, and `developer` leaves them as they are.
 *
 * @throws {ApiError} 400 for one that holds more than text, where they are to become one
 */
export function arranged(
  messages: readonly ChatMessage[],
  how: SystemMessages,
): ChatMessage[] {
  if (how === "developer") return [...messages];
  if (how === "in_place") {
    return messages.map((message) => isSystem(message) ? { ...message, role: "system" } : message);
  }
  const system = messages.filter(isSystem);
  if (system.length === 0) return [...messages];
  const content = system.map(textIn).join("\n\n");
  return [{ role: "system", content }, ...messages.filter((message) => !isSystem(message))];
}

function textIn({ content }: ChatMessage): string {
  // A part that is passed on as it is needs no second reading.
  const text = typeof content === "string" ? content : onlyText(partsOf(content));
  if (text !== undefined) return text;
  throw invalidRequest("A system or developer message can hold text alone", "input");
}

function isSystem({ role }: ChatMessage): boolean {
  return role === "system" || role === "developer";
}

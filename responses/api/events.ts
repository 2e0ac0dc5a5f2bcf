/** The events of a streamed response (OpenAI API reference, "Streaming events"). */
import { formatSseEvent } from "../../openai/mod.ts";
import type { ResponseObject } from "./objects.ts";

/** One event; `type` decides what else stands in it. */
export interface ResponseEvent {
  readonly type: string;
  /** From 0, rising by one over all events of a response. */
  readonly sequence_number: number;
  readonly [field: string]: unknown;
}

/** The events that carry the whole response and end the stream. */
export const FINAL_EVENTS: ReadonlySet<string> = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
]);

const encoder = new TextEncoder();

/** Returns events as they go over the wire: `event:` and `data:` lines, in one piece. */
export function encodeEvents(events: readonly ResponseEvent[]): Uint8Array<ArrayBuffer> {
  return encoder.encode(
    events.map((event) => formatSseEvent({ event: event.type, data: event })).join(""),
  );
}

/** Returns a response in the API's form: inside, a conversation is its id; outside it is an object. */
export function publicResponse(response: ResponseObject): Record<string, unknown> {
  const { conversation } = response;
  return { ...response, conversation: conversation ? { id: conversation } : null };
}
